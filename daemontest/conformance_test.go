package daemontest

import (
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
	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/core/coretest"
	"github.com/evertick/evertick/forker"
	"github.com/evertick/evertick/forker/forktest"
	"github.com/evertick/evertick/lock"
	"github.com/evertick/evertick/lock/locktest"
	"github.com/evertick/evertick/mail"
	"github.com/evertick/evertick/mail/mailtest"
)

// idle is a world with one process that does nothing of its own: its image is
// what the suites are given.
func idle(s Scenario) *image {
	w := newWorld(nil, &s, 1)
	return w.process(nil, forker.Birth{}).image.Load()
}

func TestClockConforms(t *testing.T) {
	clocktest.Run(t, clocktest.Subject{
		New: func(*testing.T) (clockwork.Clock, func(time.Duration)) {
			i := idle(Scenario{})
			return worldClock{w: i.world, i: i}, nil
		},
		In: synctest.Test,
	})
}

func TestMailServerConforms(t *testing.T) {
	mailtest.Run(t, func(*testing.T) (mail.Sender, func() []mail.Message) {
		i := idle(Scenario{})
		return i.host().Sender(mail.Writer(os.Stdout)), i.world.Mails
	})
}

func TestProcessesConform(t *testing.T) {
	for _, c := range forktest.Cases() {
		t.Run(c.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i := idle(Scenario{})
				c.Test(t, forktest.World{
					Processes: i,
					Signals:   i,
					Raise:     func(sig os.Signal) { _ = i.signal(sig) },
					Other: func() forktest.Party {
						return &party{image: i.world.process(nil, forker.Birth{}).image.Load()}
					},
					Dir:   Dir,
					Files: worldFiles{i.world},
				})
				time.Sleep(time.Second) // for couriers on their way
			})
		})
	}
}

// party is another idle process.
type party struct {
	*image
	file forker.PIDFile
}

func (p *party) Claim(path string) (err error) {
	file, err := p.ClaimPID(path)
	if err == nil {
		p.file = file
	}
	return err
}

func (p *party) Remove() error { return p.file.Remove() }

func (p *party) Kill() {
	_ = p.signal(syscall.SIGKILL)
	close(p.ended) // what the goroutine of a process that lives does
}

type worldFiles struct{ w *World }

func (f worldFiles) ReadFile(name string) ([]byte, error) {
	content, ok := f.w.File(name)
	if !ok {
		return nil, fs.ErrNotExist
	}
	return []byte(content), nil
}

func (f worldFiles) WriteFile(name string, data []byte) error {
	f.w.Do(WriteFile(name, string(data)))
	return nil
}

func (f worldFiles) Remove(name string) error {
	f.w.Do(RemoveFile(name))
	return nil
}

func TestAnswersConform(t *testing.T) {
	for _, c := range forktest.AnswersCases() {
		t.Run(c.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i := idle(Scenario{})
				asker := i.world.process(nil, forker.Birth{}).image.Load()
				c.Test(t, forktest.AnswersWorld{Daemon: i.host().Answers, Asker: asker.host().Answers, Dir: Dir})
			})
		})
	}
}

func TestFilesConform(t *testing.T) {
	coretest.RunFiles(t, func(t *testing.T) coretest.Disk {
		i := idle(Scenario{})
		return coretest.Disk{
			Files: i.host().Files,
			Dir:   Dir,
			Read: func(path string) (string, error) {
				data, err := worldFiles{i.world}.ReadFile(path)
				return string(data), err
			},
			Rename: func(from, to string) error {
				i.world.Do(RenameFile(from, to))
				return nil
			},
			Remove: worldFiles{i.world}.Remove,
			Deny:   func(name string) { i.world.denied[name] = sysError("open", path.Clean(name), syscall.EISDIR) },
		}
	})
}

func TestSupervisorConforms(t *testing.T) {
	coretest.RunSupervisor(t, func(_ *testing.T, there bool) coretest.Watcher {
		i := idle(Scenario{Supervised: there})
		return coretest.Watcher{
			Supervisor: i.host().Supervisor,
			Told:       func() []string { return i.world.notified },
		}
	})
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
					i := idle(Scenario{})
					world = i.world
					other := i.world.process(nil, forker.Birth{}).image.Load()
					return i.locker(declared), other.locker(declared)
				},
				Unparsable: true,
				Steal:      func(_ *testing.T, a lock.Locker) { world.Do(StealLock(a.String())) },
				Advance:    advance(declared),
				In:         synctest.Test,
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

var (
	_ core.Files      = memFiles{}
	_ core.Supervisor = supervisor{}
)
