package world

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/clockwork/clocktest"
	"github.com/evertick/evertick/core/host"
	"github.com/evertick/evertick/core/host/hosttest"
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

func newIdle() idle { return newIdleOn(newWorld(Config{Seed: 1})) }

// newIdleOn is one more process of a world.
func newIdleOn(w *World) idle {
	g := w.newProcess(w.Machine, nil, reexec.Origin{})
	return idle{w, g, w.host(w.Machine, g)}
}

func TestClockConforms(t *testing.T) {
	clocktest.Run(t, clocktest.Subject{
		New: func(*testing.T) (clockwork.Clock, func(time.Duration)) { return newIdle().host.Clock, nil },
		In:  synctest.Test,
	})
}

func TestMailServerConforms(t *testing.T) {
	mailtest.Run(t, mailtest.Subject{New: func(*testing.T) (mail.Sender, func() []mail.Message) {
		i := newIdle()
		return i.host.Hooks.Sender(mail.Writer(os.Stdout)), i.w.Mail.Mails
	}})
}

func TestProcessesConform(t *testing.T) {
	reexectest.Run(t, reexectest.Subject{
		New: func(*testing.T) reexectest.Process {
			i := newIdle()
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
		New: func(*testing.T) (signals.Listener, func(os.Signal)) {
			i := newIdle()
			return i.host.Signals, func(sig os.Signal) {
				_ = i.g.process.Signal(sig)
				time.Sleep(time.Millisecond)
			}
		},
		In: synctest.Test,
	})
}

func TestPIDFilesConform(t *testing.T) {
	pidfiletest.Run(t, pidfiletest.Subject{
		New: func(*testing.T) pidfiletest.Machine {
			i := newIdle()
			return pidfiletest.Machine{
				Files: i.host.PIDFiles,
				PID:   i.g.process.pid,
				Start: func() pidfiletest.Process { return &other{idle: newIdleOn(i.w)} },
				Dir:   Dir,
				Disk:  machineFiles{i.w.Machine.Files},
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

// machineFiles is a hand on a machine's files from outside.
type machineFiles struct{ files *Files }

func (f machineFiles) ReadFile(name string) ([]byte, error) {
	content, ok := f.files.Read(name)
	if !ok {
		return nil, fs.ErrNotExist
	}
	return []byte(content), nil
}

func (f machineFiles) WriteFile(name string, data []byte) error {
	f.files.Write(name, string(data))
	return nil
}

func (f machineFiles) Remove(name string) error {
	f.files.Remove(name)
	return nil
}

func TestRepliesConform(t *testing.T) {
	pidfiletest.RunReplies(t, pidfiletest.RepliesSubject{
		New: func(*testing.T) (daemon, asker pidfile.Replies, dir string) {
			i := newIdle()
			return i.host.Replies, newIdleOn(i.w).host.Replies, Dir
		},
		In: synctest.Test,
	})
}

func TestFilesConform(t *testing.T) {
	logfiletest.Run(t, logfiletest.Subject{New: func(*testing.T) logfiletest.Disk {
		i := newIdle()
		files := machineFiles{i.w.Machine.Files}
		return logfiletest.Disk{
			Files: i.host.Files,
			Dir:   Dir,
			Read: func(path string) (string, error) {
				data, err := files.ReadFile(path)
				return string(data), err
			},
			Rename: func(from, to string) error {
				files.files.Rename(from, to)
				return nil
			},
			Remove: files.Remove,
			Deny: func(name string) {
				files.files.Deny(name, &fs.PathError{Op: "open", Path: path.Clean(name), Err: syscall.EISDIR})
			},
		}
	}})
}

func TestSupervisorConforms(t *testing.T) {
	hosttest.Run(t, hosttest.Subject{New: func(_ *testing.T, there bool) (host.Supervisor, func() []string) {
		i := newIdleOn(newWorld(Config{Seed: 1, Supervised: there}))
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
				New: func(*testing.T) (a, b lock.Locker) {
					mu.Lock()
					defer mu.Unlock()
					i := newIdle()
					world = i.w
					return i.host.Hooks.Locker(declared), newIdleOn(world).host.Hooks.Locker(declared)
				},
				Unparsable: true,
				Steal: func(_ *testing.T, a lock.Locker) {
					world.Locks.Steal(a.String(), lock.Owner{Name: "thief", PID: 4711, Host: "otherhost"}, 0)
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
	i := newIdle()
	log, err := i.host.Files.Append("poller.log")
	if err != nil {
		t.Fatal(err)
	}
	i.w.Machine.Files.SetFull(true)
	if _, err := log.Write([]byte("x")); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Write = %v", err)
	}
	if _, err := i.host.PIDFiles.Lock("poller.pid"); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Lock = %v", err)
	}
	i.w.Machine.Files.SetFull(false)
	if _, err := log.Write([]byte("x")); err != nil {
		t.Errorf("Write = %v", err)
	}
}
