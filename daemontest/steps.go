package daemontest

import (
	"cmp"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/evertick/evertick/forker"
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

// Step is one or more actions at a time, or after an event.
type Step struct {
	at      time.Duration
	actions []Action
	trigger func(entry) bool // nil: at is since the start; else since the event
	after   string           // the event, in words
	lane    int
	any     bool
}

// String is the step in words, such as "at 12s: SIGUSR1".
func (s Step) String() string {
	names := make([]string, len(s.actions))
	for i, a := range s.actions {
		names[i] = a.name
	}
	when := "at " + s.at.String()
	if s.trigger != nil {
		when = s.at.String() + " after " + s.after
	}
	return when + ": " + strings.Join(names, ", ")
}

// AnyOrder is the step, without its place among the others of the same instant:
// there, too, the seed decides (see Scenario.Orders).
func (s Step) AnyOrder() Step {
	s.any = true
	return s
}

// Steps are what happens in a scenario beside the daemon itself. Steps of one
// instant happen in their written order, but those marked with AnyOrder.
type Steps []Step

// At lets actions happen at a time since the scenario's start.
func At(at time.Duration, actions ...Action) Step { return Step{at: at, actions: actions} }

// AfterLog lets actions happen once, d after a message that contains text was
// logged for the first time.
func AfterLog(text string, d time.Duration, actions ...Action) Step {
	return Step{
		at: d, actions: actions, after: fmt.Sprintf("the log line %q", text),
		trigger: func(e entry) bool { return e.kind == entryLog && strings.Contains(e.text, text) },
	}
}

// AfterIteration lets actions happen once, d after iteration n has ended.
func AfterIteration(n int64, d time.Duration, actions ...Action) Step {
	return Step{
		at: d, actions: actions, after: fmt.Sprintf("the end of iteration %d", n),
		trigger: func(e entry) bool { return e.kind == entryExecute && e.n == n && e.done },
	}
}

// DuringIteration lets actions happen once, d after iteration n has begun.
func DuringIteration(n int64, d time.Duration, actions ...Action) Step {
	return Step{
		at: d, actions: actions, after: fmt.Sprintf("the start of iteration %d", n),
		trigger: func(e entry) bool { return e.kind == entryExecute && e.n == n && !e.done },
	}
}

// Signal sends sig to the scenario's daemon; to one that has ended, nothing is
// sent. SIGKILL, SIGSTOP and SIGCONT do what they do.
func Signal(sig os.Signal) Action {
	return Action{forker.SignalName(sig), func(w *World) { _ = w.main().signal(sig) }}
}

// Command runs the daemon's program once more, with a command line of its own:
// -s stop -p FILE, or a second instance.
func Command(args string) Action {
	return Action{"run " + args, func(w *World) { w.spawn(strings.Fields(args), forker.Birth{}) }}
}

// StepWallClock moves the wall clock by d, forwards or back. No timer notices.
func StepWallClock(d time.Duration) Action {
	return Action{fmt.Sprintf("wall clock %+v", d), func(w *World) {
		w.wallStep.Add(int64(d))
	}}
}

// DiskFull lets writes fail for want of space, or work again.
func DiskFull(full bool) Action {
	return Action{fmt.Sprintf("disk full: %t", full), func(w *World) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.diskFull = full
	}}
}

// RemoveFile deletes a file.
func RemoveFile(path string) Action {
	return Action{"rm " + path, func(w *World) {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.files, w.clean(path))
	}}
}

// RenameFile renames a file, as logrotate does.
func RenameFile(from, to string) Action {
	return Action{"mv " + from + " " + to, func(w *World) {
		w.mu.Lock()
		defer w.mu.Unlock()
		if f, ok := w.files[w.clean(from)]; ok {
			w.files[w.clean(to)] = f
			delete(w.files, w.clean(from))
		}
	}}
}

// WriteFile creates or replaces a file.
func WriteFile(path, content string) Action {
	return Action{"write " + path, func(w *World) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.files[w.clean(path)] = &memFile{data: []byte(content)}
	}}
}

// MailDown lets the mail server refuse everything with err; nil ends that.
func MailDown(err error) Action {
	return Action{fmt.Sprintf("mail server: %v", err), func(w *World) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.mailDown = err
	}}
}

// MailTakes lets the mail server take d for each mail.
func MailTakes(d time.Duration) Action {
	return Action{fmt.Sprintf("mail server takes %s", d), func(w *World) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.mailTakes = d
	}}
}

// BreakBinary lets the trial of the next binary fail with err; nil mends it.
func BreakBinary(err error) Action {
	return Action{fmt.Sprintf("binary: %v", err), func(w *World) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.binary = binary{err: err}
	}}
}

// HangBinary lets the trial of the next binary hang.
func HangBinary() Action {
	return Action{"binary hangs", func(w *World) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.binary = binary{hangs: true}
	}}
}

// LoseBinary lets the binary vanish between its trial and exec.
func LoseBinary() Action {
	return Action{"binary is gone", func(w *World) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.binary = binary{gone: true}
	}}
}

// Memory sets the resident memory of every process.
func Memory(bytes uint64) Action {
	return Action{fmt.Sprintf("memory %d MB", bytes>>20), func(w *World) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.resident = bytes
	}}
}

// place gives each step a lane. Those of one instant get theirs in the order
// in which they are written.
func (s Steps) place(lanes []int) Steps {
	placed := slices.Clone(s)
	for i := range placed {
		placed[i].lane = lanes[len(lanes)-1-i%len(lanes)]
	}
	for i := range placed {
		var same []int
		for j := range placed {
			if placed[j].ordered() && placed[i].ordered() && placed[j].at == placed[i].at {
				same = append(same, j)
			}
		}
		var free []int
		for _, j := range same {
			free = append(free, placed[j].lane)
		}
		slices.Sort(free)
		for k, j := range same {
			placed[j].lane = free[k]
		}
	}
	slices.SortStableFunc(placed, func(a, b Step) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.lane, b.lane))
	})
	return placed
}

func (s *Step) ordered() bool { return s.trigger == nil && !s.any }

// act runs a step's actions now.
func (w *World) act(s Step) {
	name, returned := "", false
	defer func() {
		if v := recover(); v != nil {
			w.Fail("step %q panicked: %v\n%s", name, v, debug.Stack())
		} else if !returned {
			w.Fail("step %q called runtime.Goexit, as t.FailNow, t.Fatal and require do: use World.Fail or t.Error", name)
		}
		w.stepDone()
	}()
	for _, a := range s.actions {
		name = a.name
		w.trace.add(entry{kind: entryStep, text: a.name})
		a.do(w)
	}
	returned = true
}

// stepDone tells whoever waits for the end.
func (w *World) stepDone() {
	w.mu.Lock()
	w.toCome--
	w.mu.Unlock()
	select {
	case w.stepped <- struct{}{}:
	default:
	}
}

// trigger is a step that waits for its event.
type trigger struct {
	step  Step
	fired bool
}

// pull starts the steps that e is the event for.
func (w *World) pull(e entry) {
	w.mu.Lock()
	var due []Step
	for _, t := range w.triggers {
		if !t.fired && t.step.trigger(e) {
			t.fired = true
			w.toCome++
			due = append(due, t.step)
		}
	}
	w.mu.Unlock()
	for _, s := range due {
		go func() {
			wait := time.NewTimer(w.until(s.lane, laneStep, s.at))
			defer wait.Stop()
			select {
			case <-wait.C:
				w.act(s)
			case <-w.stop:
			}
		}()
	}
}
