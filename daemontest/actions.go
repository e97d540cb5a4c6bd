package daemontest

import (
	"fmt"
	"os"
	"strings"
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
}

// Do is an action of your own; name stands in the timeline.
func Do(name string, do func(w *World)) Action { return Action{name, do} }

// Do does an action at once, for actions that consist of several.
func (w *World) Do(a Action) { a.do(w) }

// Signal sends sig to the scenario's daemon; to one that has ended, nothing is
// sent. SIGKILL, SIGSTOP and SIGCONT do what they do.
func Signal(sig os.Signal) Action {
	return Action{signals.Name(sig), func(w *World) { _ = w.sim.Main().Signal(sig) }}
}

// Command runs the daemon's program once more, with a command line of its own:
// -s stop -p FILE, or a second instance.
func Command(args string) Action {
	return Action{"run " + args, func(w *World) {
		w.sim.Spawn(w.sim.Machine, strings.Fields(args), reexec.Origin{})
	}}
}

// StepWallClock moves the wall clock by d, forwards or back. No timer notices.
func StepWallClock(d time.Duration) Action {
	return Action{fmt.Sprintf("wall clock %+v", d), func(w *World) { w.sim.Machine.Wall.Step(d) }}
}

// DiskFull lets writes fail for want of space, or work again.
func DiskFull(full bool) Action {
	return Action{fmt.Sprintf("disk full: %t", full), func(w *World) { w.sim.Machine.Files.SetFull(full) }}
}

// RemoveFile deletes a file.
func RemoveFile(path string) Action {
	return Action{"rm " + path, func(w *World) { w.sim.Machine.Files.Remove(path) }}
}

// RenameFile renames a file, as logrotate does.
func RenameFile(from, to string) Action {
	return Action{"mv " + from + " " + to, func(w *World) { w.sim.Machine.Files.Rename(from, to) }}
}

// WriteFile creates or replaces a file.
func WriteFile(path, content string) Action {
	return Action{"write " + path, func(w *World) { w.sim.Machine.Files.Write(path, content) }}
}

// MailDown lets the mail server refuse everything with err; nil ends that.
func MailDown(err error) Action {
	return Action{fmt.Sprintf("mail server: %v", err), func(w *World) { w.sim.Mail.SetDown(err) }}
}

// MailTakes lets the mail server take d for each mail.
func MailTakes(d time.Duration) Action {
	return Action{fmt.Sprintf("mail server takes %s", d), func(w *World) { w.sim.Mail.SetTakes(d) }}
}

// LockOutage lets every operation on a lock fail with err; nil ends that.
func LockOutage(err error) Action {
	return Action{fmt.Sprintf("lock store: %v", err), func(w *World) { w.sim.Locks.SetOutage(err) }}
}

// LockTakes lets every operation on a lock take d.
func LockTakes(d time.Duration) Action {
	return Action{fmt.Sprintf("lock store takes %s", d), func(w *World) { w.sim.Locks.SetTakes(d) }}
}

// FreeLock makes the store forget who holds the lock of that URL: its holder
// has died, or was evicted.
func FreeLock(url string) Action {
	return Action{"lock " + url + " is free", func(w *World) { w.sim.Locks.Evict(url) }}
}

// StealLock gives the lock of that URL to somebody else.
func StealLock(url string) Action {
	return Action{"lock " + url + " is somebody else's", func(w *World) { w.sim.Locks.Steal(url, otherHolder(), 0) }}
}

// otherHolder is the process of another machine that holds the locks of
// Scenario.Held and StealLock.
func otherHolder() lock.Owner {
	return lock.Owner{Name: "poller", PID: 4711, Host: "otherhost", Since: defaultWallStart().Add(-time.Minute)}
}

// defaultWallStart is the wall-clock time at which a scenario starts unless it
// says otherwise.
func defaultWallStart() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }

// BreakBinary lets the trial of the next binary fail with err; nil mends it.
func BreakBinary(err error) Action {
	return Action{fmt.Sprintf("binary: %v", err), func(w *World) { w.sim.Machine.Program.Break(err) }}
}

// HangBinary lets the trial of the next binary hang.
func HangBinary() Action {
	return Action{"binary hangs", func(w *World) { w.sim.Machine.Program.Hang() }}
}

// LoseBinary lets the binary vanish between its trial and exec.
func LoseBinary() Action {
	return Action{"binary is gone", func(w *World) { w.sim.Machine.Program.Lose() }}
}

// Memory sets the resident memory of every process.
func Memory(bytes uint64) Action {
	return Action{fmt.Sprintf("memory %d MB", bytes>>20), func(w *World) { w.sim.Machine.Resident.Store(bytes) }}
}
