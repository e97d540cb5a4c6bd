package world

import (
	"errors"
	"io/fs"
	"os"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/clockwork/clocktest"
	"github.com/evertick/evertick/core/host"
	"github.com/evertick/evertick/core/host/hosttest"
	"github.com/evertick/evertick/forker"
	"github.com/evertick/evertick/forker/forkertest"
	"github.com/evertick/evertick/forker/pidfile"
	"github.com/evertick/evertick/forker/pidfile/pidfiletest"
	"github.com/evertick/evertick/forker/reexec"
	"github.com/evertick/evertick/forker/reexec/reexectest"
	"github.com/evertick/evertick/forker/signals"
	"github.com/evertick/evertick/forker/signals/signalstest"
	"github.com/evertick/evertick/lock"
	"github.com/evertick/evertick/lock/locktest"
	"github.com/evertick/evertick/logfile/logfiletest"
	"github.com/evertick/evertick/mail"
	"github.com/evertick/evertick/mail/mailtest"
)

// idle is a process that does nothing of its own: its generation and its host
// are what the suites are given.
type idle struct {
	w    *World
	g    *Generation
	host host.Host
}

// newTestWorld returns a world whose files are deleted after the test.
func newTestWorld(t *testing.T, c Config) *World {
	base, err := temporary()
	t.Cleanup(func() { removeTemporary(base) })
	if err != nil {
		t.Fatal(err)
	}
	return newWorld(c, base)
}

func newIdle(t *testing.T) idle { return newIdleIn(t, Config{Seed: 1}) }

func newIdleIn(t *testing.T, c Config) idle {
	w := newTestWorld(t, c)
	return newIdleOn(w)
}

// newIdleOn is one more process of a world.
func newIdleOn(w *World) idle { return newIdleAs(w, reexec.Origin{}) }

func newIdleAs(w *World, origin reexec.Origin) idle {
	g := w.newProcess(w.Machine, nil, origin)
	g.process.signals.begin(false)
	return idle{w, g, w.host(w.Machine, g)}
}

func TestClockConforms(t *testing.T) {
	clocktest.Run(t, clocktest.Subject{
		New: func(t *testing.T) (clockwork.Clock, func(time.Duration)) { return newIdle(t).host.Clock, nil },
		In:  synctest.Test,
	})
}

func TestMailServerConforms(t *testing.T) {
	mailtest.Run(t, mailtest.Subject{New: func(t *testing.T) (mail.Sender, func() []mail.Message) {
		i := newIdle(t)
		return i.host.Hooks.Sender(mail.Writer(os.Stdout)), i.w.Mail.Mails
	}})
}

func TestProcessesConform(t *testing.T) {
	reexectest.Run(t, reexectest.Subject{
		New: func(t *testing.T) reexectest.Process {
			i := newIdle(t)
			other := newIdleOn(i.w)
			return reexectest.Process{Info: i.host.Process, Self: i.host.Self, OtherPID: other.g.process.pid}
		},
		In: synctest.Test,
	})
}

// A signal that was raised has been delivered, or never will be, after a
// millisecond: the lane of every process has come by then.
func TestSignalsConform(t *testing.T) {
	signalstest.Run(t, signalstest.Subject{
		New: func(t *testing.T) (signals.Listener, func(os.Signal)) {
			i := newIdle(t)
			return i.host.Signals, func(sig os.Signal) {
				_ = i.g.process.Signal(sig)
				time.Sleep(time.Millisecond)
			}
		},
		Start: func(t *testing.T, leadsSession bool) signalstest.Process {
			var origin reexec.Origin
			if leadsSession {
				origin.Kind = reexec.Detached
			}
			return newSignalled(t, origin)
		},
		In: synctest.Test,
	})
}

// signalled is an idle process that is sent signals.
type signalled struct {
	idle
	mu       sync.Mutex // held for instants only
	received []os.Signal
}

func newSignalled(t *testing.T, origin reexec.Origin) *signalled {
	w := newTestWorld(t, Config{Seed: 1})
	t.Cleanup(func() { close(w.time.judged) })
	return &signalled{idle: newIdleAs(w, origin)}
}

func (p *signalled) Listen(sigs ...os.Signal) {
	p.host.Signals.Listen(sigs, func(sig os.Signal) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.received = append(p.received, sig)
	})
}

func (p *signalled) Quiesce(ignore ...os.Signal) { p.host.Signals.Quiesce(ignore...) }

// Exec does not return in the program that it replaces.
func (p *signalled) Exec() {
	go func() { _ = p.host.Self.Exec(reexec.Program{}) }()
	<-p.g.gone
}

// Restart does what live does.
func (p *signalled) Restart() {
	p.Exec()
	p.g = p.w.succeed(p.g)
	p.g.process.signals.begin(true)
	p.host = p.w.host(p.w.Machine, p.g)
	p.received = nil
}

func (p *signalled) Signal(sig os.Signal) error {
	defer time.Sleep(time.Millisecond)
	return p.g.process.Signal(sig)
}

func (p *signalled) Received() (all []os.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	all, p.received = p.received, nil
	return all
}

func (p *signalled) State() string {
	if _, ended := p.g.process.end(); ended {
		return p.g.process.How()
	}
	if p.g.process.signals.stopped.Load() {
		return "stopped"
	}
	return "running"
}

func (p *signalled) Stderr() string { return p.w.Machine.Stderr.String() }

func TestPIDFilesConform(t *testing.T) {
	pidfiletest.Run(t, pidfiletest.Subject{
		New: func(t *testing.T) pidfiletest.Machine {
			i := newIdle(t)
			return pidfiletest.Machine{
				Files: i.host.PIDFiles,
				PID:   i.g.process.pid,
				Start: func() pidfiletest.Process { return &other{idle: newIdleOn(i.w)} },
				Dir:   i.w.Machine.Files.Path(Dir),
				Disk:  machineFiles{},
			}
		},
		In: synctest.Test,
	})
}

// other is another idle process.
type other struct {
	idle
	file pidfile.File
}

func (o *other) PID() int { return o.g.process.pid }

func (o *other) Lock(path string) (err error) {
	file, err := o.host.PIDFiles.Lock(path)
	if err == nil {
		o.file = file
	}
	return err
}

func (o *other) Remove() error { return o.file.Remove() }

func (o *other) Kill() {
	_ = o.g.process.Signal(syscall.SIGKILL)
	close(o.g.process.ended) // what the goroutine of a process that lives does
}

// machineFiles are the files of a machine: real ones.
type machineFiles struct{}

func (machineFiles) ReadFile(name string) ([]byte, error)     { return os.ReadFile(name) }
func (machineFiles) WriteFile(name string, data []byte) error { return os.WriteFile(name, data, 0o644) }
func (machineFiles) Remove(name string) error                 { return os.Remove(name) }

func TestRepliesConform(t *testing.T) {
	pidfiletest.RunReplies(t, pidfiletest.RepliesSubject{
		New: func(t *testing.T) (daemon, asker pidfile.Replies, pid int, dir string) {
			i := newIdle(t)
			return i.host.Replies, newIdleOn(i.w).host.Replies, i.g.process.pid, Dir
		},
		In: synctest.Test,
	})
}

func TestFilesConform(t *testing.T) {
	logfiletest.Run(t, logfiletest.Subject{New: func(t *testing.T) logfiletest.Disk {
		i := newIdle(t)
		files := i.w.Machine.Files
		return logfiletest.Disk{
			Files: i.host.Files,
			Dir:   i.w.Machine.Files.Path(Dir),
			Read: func(path string) (string, error) {
				data, err := os.ReadFile(path)
				return string(data), err
			},
			Rename: files.Rename,
			Remove: files.Remove,
			Deny: func(name string) {
				files.Deny(name, &fs.PathError{Op: "open", Path: name, Err: syscall.EISDIR})
			},
		}
	}})
}

func TestSupervisorConforms(t *testing.T) {
	hosttest.Run(t, hosttest.Subject{New: func(t *testing.T, there bool) (host.Supervisor, func() []string) {
		i := newIdleIn(t, Config{Seed: 1, Supervised: there})
		return i.host.Supervisor, i.w.Machine.Supervisor.Notified
	}})
}

// Both kinds of locks that a world knows: one that is freed when its holder
// dies, and one in a network.
func TestLocksConform(t *testing.T) {
	for name, declared := range map[string]lock.Locker{
		"on the machine": lock.File("/run/poller.lock"), "in a network": Leased("memory:poller", time.Minute),
	} {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex // the suite's cases run one after the other, its goroutines do not
			var world *World
			locktest.Run(t, locktest.Subject{
				New: func(t *testing.T) (a, b lock.Locker) {
					mu.Lock()
					defer mu.Unlock()
					i := newIdle(t)
					world = i.w
					return i.host.Hooks.Locker(declared), newIdleOn(world).host.Hooks.Locker(declared)
				},
				Unparsable: true,
				Steal: func(_ *testing.T, a lock.Locker) {
					if err := world.Locks.Steal(a.String(), lock.Owner{Name: "thief", PID: 4711, Host: "otherhost"}); err != nil {
						t.Error(err)
					}
				},
				Advance: advance(declared),
				In:      synctest.Test,
			})
		})
	}
}

// advance lets time pass where that ends leases.
func advance(declared lock.Locker) func(time.Duration) {
	if _, ok := declared.(leased); ok {
		return time.Sleep
	}
	return nil
}

// A full disk refuses PID files and log lines, each with an error that says so.
func TestAFullDiskRefuses(t *testing.T) {
	i := newIdle(t)
	log, err := i.host.Files.Append("poller.log")
	if err != nil {
		t.Fatal(err)
	}
	i.w.Machine.Files.SetRoom(0)
	if _, err := log.Write([]byte("x")); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Write = %v", err)
	}
	if _, err := i.host.PIDFiles.Lock("poller.pid"); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Lock = %v", err)
	}
	i.w.Machine.Files.SetRoom(-1)
	if _, err := log.Write([]byte("x")); err != nil {
		t.Errorf("Write = %v", err)
	}
}

// The tasks of the suite that end their process, or change what signals do to
// it, have scripts.
func TestChildrenConform(t *testing.T) {
	plan := func(w *World, task string, _ int) (p ChildPlan) {
		switch task {
		case forkertest.Workers:
			p.Call = func(c *Child, method string) (forker.Message, bool) {
				if method == forkertest.CrashCall {
					c.End(forker.Exit{Code: 3})
				}
				return forker.Message{}, false
			}
		case forkertest.Crash:
			p.Run = func(c *Child) {
				c.Say(forker.Message{Kind: forker.Began})
				c.End(forker.Exit{Code: 3})
			}
		case forkertest.Stubborn:
			p.IgnoresTerm = true
			p.Run = func(c *Child) {
				c.Say(forker.Message{Kind: forker.Began})
				c.Say(forker.Message{Kind: forker.Logged, Text: "ready"})
				c.Hangs()
			}
		case forkertest.Grandchild:
			p.Run = func(c *Child) {
				c.Say(forker.Message{Kind: forker.Began})
				w.Leave(c)
				c.Say(forker.Message{Kind: forker.Returned})
				c.End(forker.Exit{})
			}
		}
		return p
	}
	forkertest.Run(t, forkertest.Subject{
		New: func(t *testing.T) forker.Processes {
			i := newIdleIn(t, Config{Seed: 1, Child: plan})
			t.Cleanup(func() {
				i.g.end()
				i.w.letGo()
				sleep(linger)
			})
			return i.host.Children
		},
		In: synctest.Test,
	})
}
