package daemontest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/evertick/evertick/daemontest/internal/world"
	"github.com/evertick/evertick/lock"
	"github.com/evertick/evertick/mail"
)

// Dir is the folder in which every command of a scenario is typed; relative
// paths mean it.
const Dir = world.Dir

// World is the machine that a scenario plays on: processes, files, locks, mail
// server. A step's action receives it. Its methods are for actions and checks;
// they must not be called from a daemon. It is safe for concurrent use.
type World struct {
	sim   *world.World
	met   *met
	maybe bool // what an action does not find is no miss
}

// Now returns the time since the scenario's start; that of its end when it is
// over.
func (w *World) Now() time.Duration { return w.sim.Now() }

// Locks returns the store of all locks that are no files.
func (w *World) Locks() *lock.Memory { return w.sim.Locks.Memory() }

// Holder returns who holds the lock of that URL; false when nobody does.
func (w *World) Holder(url string) (who lock.Owner, held bool) { return w.sim.Locks.Holder(url) }

// Path returns the real path of a file in the world, for package os.
func (w *World) Path(name string) string { return w.sim.Machine.Files.Path(name) }

// Mails returns the mails that the mail server has taken so far.
func (w *World) Mails() []mail.Message { return w.sim.Mail.Mails() }

// File returns the content of a file; ok is false if there is none.
func (w *World) File(name string) (content string, ok bool) { return w.sim.Machine.Files.Read(name) }

// Stdout returns what all processes have written to standard output so far.
func (w *World) Stdout() string { return w.sim.Machine.Stdout.String() }

// Stderr returns what all processes have written to standard error so far.
func (w *World) Stderr() string { return w.sim.Machine.Stderr.String() }

// PID returns the number of the scenario's own daemon: of the process that
// Signal signals.
func (w *World) PID() int { return w.sim.Main().PID() }

// Fail makes the scenario fail with a message of an action's own.
func (w *World) Fail(format string, args ...any) { w.sim.Fail(format, args...) }

// children returns the children of a task, in the order of their starts; of all
// tasks where its name is empty.
func (w *World) children(task string) []*world.Child {
	return slices.DeleteFunc(w.sim.Children(), func(c *world.Child) bool { return task != "" && c.Task() != task })
}

// foundNothing notes an action that had nothing to act on.
func (w *World) foundNothing(format string, args ...any) {
	if w.maybe {
		return
	}
	w.met.mu.Lock()
	defer w.met.mu.Unlock()
	w.met.vain = append(w.met.vain, fmt.Sprintf("at %s: ", w.Now().Round(time.Millisecond))+fmt.Sprintf(format, args...))
}

// started returns the daemons that Command has started with these arguments, or
// whose launchers it has.
func (w *World) started(args string) (daemons []*world.Process) {
	want := strings.Fields(args)
	for _, p := range w.sim.Commands()[1:] {
		if slices.Equal(p.Args(), want) {
			daemons = append(daemons, p.Daemonized())
		}
	}
	return daemons
}
