package daemontest

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/evertick/evertick/forker/reexec"
	"github.com/evertick/evertick/forker/signals"
	"github.com/evertick/evertick/lock"
)

// Action is something that happens to the world. Actions return at once: what
// they cause happens afterwards.
type Action struct {
	name string
	do   func(w *World)

	// condition says that it changes what processes find: it means nothing when
	// there is none any more.
	condition bool

	spawns bool // it starts a process

	// met counts how often what the action changes was met; nil where nothing
	// need be, as for the end of a fault.
	met func(w *World) int64
}

// Do is an action of your own; name stands in the timeline.
func Do(name string, do func(w *World)) Action { return Action{name: name, do: do} }

// condition is an action that changes what processes find.
func condition(name string, do func(w *World)) Action {
	return Action{name: name, do: do, condition: true}
}

// fault is a condition that something is wrong, which a daemon must meet.
func fault(wrong bool, met func(w *World) int64, name string, do func(w *World)) Action {
	a := condition(name, do)
	if wrong {
		a.met = met
	}
	return a
}

// These count how often what is wrong was met.
func (w *World) metMail() int64    { return w.sim.Mail.Met() }
func (w *World) metLock() int64    { return w.sim.Locks.Met() }
func (w *World) metDisk() int64    { return w.sim.Machine.Files.Met() }
func (w *World) metStdout() int64  { return w.sim.Machine.Stdout.Met() }
func (w *World) metProgram() int64 { return w.sim.Machine.Program.Met() }

// Do does an action at once, for actions that consist of several.
func (w *World) Do(a Action) {
	what := fmt.Sprintf("at %s: %s", w.Now().Round(time.Millisecond), a.name)
	switch {
	case w.maybe:
	case a.condition && !w.sim.AnyAlive():
		w.met.notInTime(what, len(w.sim.Processes()))
	case a.met != nil:
		w.met.expect(what, func() int64 { return a.met(w) })
	}
	a.do(w)
}

// Signal sends sig to the scenario's own daemon: the process of Scenario.Args,
// or the daemon that it launched. When that has ended, the step is a miss.
// One that it does not listen for has its default effect on a Go program: see
// package os/signal.
func Signal(sig os.Signal) Action {
	name := signals.Name(sig)
	return Action{name: name, do: func(w *World) {
		p := w.sim.Main()
		switch err := p.Signal(sig); {
		case errors.Is(err, os.ErrProcessDone):
			w.foundNothing("%s: the scenario's own daemon, PID %d, had ended at %s", name, p.PID(), p.EndedAt().Round(time.Millisecond))
		case err != nil:
			w.try(fmt.Errorf("%s: %w", name, err))
		}
	}}
}

// OutOfMemory kills the scenario's own daemon as the kernel does when memory is short.
// When that has ended, the step is a miss.
func OutOfMemory() Action {
	kill := Signal(syscall.SIGKILL)
	return Action{name: "out of memory", do: func(w *World) {
		w.sim.Machine.OOMKills.Add(1)
		kill.do(w)
	}}
}

// SignalTo sends sig to the daemons that Command has started with these
// arguments. When none of them is left, the step is a miss.
func SignalTo(args string, sig os.Signal) Action {
	name := signals.Name(sig) + " to " + strconv.Quote(args)
	return Action{name: name, do: func(w *World) {
		found := false
		for _, p := range w.started(args) {
			found = p.Signal(sig) == nil || found
		}
		if !found {
			w.foundNothing("%s: no daemon that Command has started so is left", name)
		}
	}}
}

// SignalWatcher sends sig to the watcher of the scenario's own daemon. When there is
// none, the step is a miss.
func SignalWatcher(sig syscall.Signal) Action {
	name := signals.Name(sig) + " to the watcher"
	return Action{name: name, do: func(w *World) {
		if watcher := w.sim.Main().Watcher(); watcher == nil || watcher.Signal(sig) != nil {
			w.foundNothing("%s: there is none", name)
		}
	}}
}

// RefuseWatchers lets no watcher be started, or lets them again where err is nil.
func RefuseWatchers(err error) Action {
	return Action{name: fmt.Sprintf("refuse watchers: %v", err), do: func(w *World) { w.sim.Machine.RefuseWatchers(err) }}
}

// SignalChild sends sig to the process group of child n of a task, counted from 1
// over all programs; 0 means all that live. When there is none, the step is a
// miss.
func SignalChild(task string, n int, sig syscall.Signal) Action {
	name := fmt.Sprintf("%s to child %d of the task %s", signals.Name(sig), n, task)
	if n == 0 {
		name = fmt.Sprintf("%s to all children of the task %s", signals.Name(sig), task)
	}
	return Action{name: name, do: func(w *World) {
		found := false
		for _, c := range w.children(task) {
			if c.Alive() && (n == 0 || n == c.Number()) {
				found = true
				w.try(c.Kill(sig))
			}
		}
		if !found {
			w.foundNothing("%s: no such child lives", name)
		}
	}}
}

// Command runs the daemon's program once more, with a command line of its own:
// -s stop -p FILE, or a second instance.
func Command(args string) Action {
	return Action{name: "run " + args, spawns: true, do: func(w *World) {
		w.sim.Spawn(w.sim.Machine, strings.Fields(args), reexec.Origin{})
	}}
}

// StepWallClock moves the wall clock by d, forwards or back. No timer notices; a
// schedule of core.Scheduled is asked again, as on Linux.
func StepWallClock(d time.Duration) Action {
	return condition(fmt.Sprintf("wall clock %+v", d), func(w *World) { w.sim.Machine.Wall.Step(d) })
}

// DiskFull lets writes fail for want of space, or work again.
func DiskFull(full bool) Action {
	return fault(full, (*World).metDisk, fmt.Sprintf("disk full: %t", full), func(w *World) {
		room := int64(-1)
		if full {
			room = 0
		}
		w.sim.Machine.Files.SetRoom(room)
	})
}

// RemoveFile deletes a file. One that is not there is a miss.
func RemoveFile(path string) Action {
	return Action{name: "rm " + path, do: func(w *World) {
		if _, there := w.File(path); !there {
			w.foundNothing("rm %s: there is no such file", path)
		}
		_ = w.sim.Machine.Files.Remove(path)
	}}
}

// RenameFile renames a file, as logrotate does. One that is not there is a miss.
func RenameFile(from, to string) Action {
	return Action{name: "mv " + from + " " + to, do: func(w *World) {
		if _, there := w.File(from); !there {
			w.foundNothing("mv %s %s: there is no such file", from, to)
		}
		_ = w.sim.Machine.Files.Rename(from, to)
	}}
}

// WriteFile creates or replaces a file.
func WriteFile(path, content string) Action {
	return Action{name: "write " + path, condition: true, do: func(w *World) { w.try(w.sim.Machine.Files.Write(path, content)) }}
}

// OverwriteFile changes what a file holds, and leaves it the same file: with no
// content it does what > file does in a shell.
func OverwriteFile(path, content string) Action {
	return Action{name: "overwrite " + path, condition: true, do: func(w *World) { w.try(w.sim.Machine.Files.Overwrite(path, content)) }}
}

// DiskRoom leaves room for so many more bytes of log and PID files; what is
// written beyond them is cut off. A negative number ends that.
func DiskRoom(bytes int64) Action {
	return fault(bytes >= 0, (*World).metDisk, fmt.Sprintf("disk room: %d bytes", bytes), func(w *World) { w.sim.Machine.Files.SetRoom(bytes) })
}

// DiskTakes lets each write to a log take d: who logs waits so long. Of several
// goroutines that log meanwhile, the order in the timeline is chance.
func DiskTakes(d time.Duration) Action {
	return fault(d > 0, (*World).metDisk, fmt.Sprintf("disk takes %s", d), func(w *World) { w.sim.Machine.Files.SetTakes(d) })
}

// DiskReadOnly lets whatever would change a log or PID file fail, or work again.
func DiskReadOnly(readOnly bool) Action {
	return fault(readOnly, (*World).metDisk, fmt.Sprintf("disk read-only: %t", readOnly), func(w *World) { w.sim.Machine.Files.SetReadOnly(readOnly) })
}

// DenyFile makes a path unusable for log, PID and lock files, with the given
// error; nil ends that. A path that no daemon asks for meanwhile is a miss.
func DenyFile(path string, err error) Action {
	return condition(fmt.Sprintf("deny %s: %v", path, err), func(w *World) {
		w.sim.Machine.Files.Deny(path, err)
		if err != nil && !w.maybe {
			w.met.mu.Lock()
			defer w.met.mu.Unlock()
			w.met.denied = append(w.met.denied, path)
		}
	})
}

// StdoutBlocks lets standard output take nothing more, as a pipe does that
// nobody reads, or go on.
func StdoutBlocks(blocks bool) Action {
	return fault(blocks, (*World).metStdout, fmt.Sprintf("stdout blocks: %t", blocks), func(w *World) { w.sim.Machine.Stdout.SetBlocked(blocks) })
}

// StdoutBreaks lets writes to standard output fail, as to a pipe whose reader is
// gone.
func StdoutBreaks() Action {
	return fault(true, (*World).metStdout, "stdout breaks", func(w *World) { w.sim.Machine.Stdout.SetFault(syscall.EPIPE) })
}

// Suspend puts the machine to sleep for d: its wall clock and boot time go on,
// and so do the leases in a network. Timers do not notice; what waits for the end
// of a lease does.
func Suspend(d time.Duration) Action {
	return condition(fmt.Sprintf("suspend %s", d), func(w *World) { w.sim.Machine.Wall.Suspend(d) })
}

// try makes the scenario fail for an action that could not be done.
func (w *World) try(err error) {
	if err != nil {
		w.sim.Fail("step: %v", err)
	}
}

// MailDown lets the mail server refuse everything with err; nil ends that.
func MailDown(err error) Action {
	return fault(err != nil, (*World).metMail, fmt.Sprintf("mail server: %v", err), func(w *World) { w.sim.Mail.SetDown(err) })
}

// MailTakes lets the mail server take d for each mail.
func MailTakes(d time.Duration) Action {
	return fault(d > 0, (*World).metMail, fmt.Sprintf("mail server takes %s", d), func(w *World) { w.sim.Mail.SetTakes(d) })
}

// LockOutage lets every operation on a lock fail with err; nil ends that.
func LockOutage(err error) Action {
	return fault(err != nil, (*World).metLock, fmt.Sprintf("lock store: %v", err), func(w *World) { w.sim.Locks.SetOutage(err) })
}

// LockTakes lets every operation on a lock take d.
func LockTakes(d time.Duration) Action {
	return fault(d > 0, (*World).metLock, fmt.Sprintf("lock store takes %s", d), func(w *World) { w.sim.Locks.SetTakes(d) })
}

// FreeLock makes the store forget who holds the lock of that URL: its holder
// has died, or was evicted. A relative path in the URL is one from Dir. A lock
// that no daemon uses is a miss.
func FreeLock(url string) Action {
	return Action{name: "lock " + url + " is free", condition: true, do: func(w *World) { w.try(w.sim.Locks.Free(w.named(url))) }}
}

// StealLock gives the lock of that URL to somebody else. A relative path in the
// URL is one from Dir. A lock that no daemon uses is a miss.
func StealLock(url string) Action {
	return Action{name: "lock " + url + " is somebody else's", condition: true, do: func(w *World) { w.try(w.sim.Locks.Steal(w.named(url), otherHolder())) }}
}

// named returns the name of the lock that an action is about.
func (w *World) named(url string) string {
	if !w.maybe {
		w.met.mu.Lock()
		defer w.met.mu.Unlock()
		w.met.stolen = append(w.met.stolen, url)
	}
	return lockName(url)
}

// otherHolder is the process of another machine that holds the locks of
// Scenario.Held and StealLock.
func otherHolder() lock.Owner {
	return lock.Owner{Name: "poller", PID: 4711, Host: "otherhost", Since: defaultWallStart().Add(-time.Minute)}
}

// defaultWallStart is the wall-clock time at which a scenario starts unless it
// says otherwise.
func defaultWallStart() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }

// BreakBinary puts another binary in the place of the present one, whose trial
// fails with err; with nil it starts. Where another one was tried already, it is
// tried before it is executed.
func BreakBinary(err error) Action {
	return fault(err != nil, (*World).metProgram, fmt.Sprintf("binary: %v", err), func(w *World) { w.sim.Machine.Program.Break(err) })
}

// HangBinary lets the trial of the next binary hang.
func HangBinary() Action {
	return fault(true, (*World).metProgram, "binary hangs", func(w *World) { w.sim.Machine.Program.Hang() })
}

// LoseBinary lets the binary vanish between its trial and exec.
func LoseBinary() Action {
	return fault(true, (*World).metProgram, "binary is gone", func(w *World) { w.sim.Machine.Program.Lose() })
}

// Memory sets the resident memory of every process.
func Memory(bytes uint64) Action {
	return condition(fmt.Sprintf("memory %d MB", bytes>>20), func(w *World) { w.sim.Machine.Resident.Store(bytes) })
}
