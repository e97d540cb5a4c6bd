package daemontest

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"syscall"
	"time"

	"github.com/evertick/evertick/daemontest/internal/world"
	"github.com/evertick/evertick/forker"
)

// ChildScript says what the children of a task do, one thing after the other in
// the order of the calls. It starts with [Child]. Where the script says nothing
// of the end, the task's own function runs when the rest is done, so Child()
// alone is that function. Each method returns a new ChildScript.
type ChildScript struct {
	deeds       []childDeed
	refusal     error
	ignoresTerm bool
	maybe       bool
	rules       []childRule
	calls       []callRule
}

// childDeed is something that a child does. It returns how the child ends, and
// nil where it goes on.
type childDeed func(w *world.World, c *world.Child) *childEnd

// childEnd is the end of a child, or of a worker's call: with a message, the
// outcome, or without one.
type childEnd struct {
	exit    forker.Exit
	outcome forker.Message
}

// canceled is the end of what returns the error of its context.
func canceled() *childEnd {
	return &childEnd{forker.Exit{Code: 1}, forker.Message{Kind: forker.Failed, Text: context.Canceled.Error()}}
}

type childRule struct {
	from, to int // to 0: for ever
	script   ChildScript
	maybe    bool
	words    string // the rule as it is written
}

// callRule is what a worker does in a call.
type callRule struct {
	method string
	n      int // 0: each
	script ChildScript
}

func (r callRule) String() string { return fmt.Sprintf("InCall(%q, %d, …)", r.method, r.n) }

// Child is a child that does what follows.
func Child() ChildScript { return ChildScript{} }

func (s ChildScript) then(deed childDeed) ChildScript {
	s.deeds = append(slices.Clip(s.deeds), deed)
	return s
}

// and is a deed after which the child goes on.
func (s ChildScript) and(deed func(w *world.World, c *world.Child)) ChildScript {
	return s.then(func(w *world.World, c *world.Child) *childEnd {
		deed(w, c)
		return nil
	})
}

// ends is a deed that ends the child, with a message or without one.
func (s ChildScript) ends(exit forker.Exit, m forker.Message) ChildScript {
	return s.then(func(*world.World, *world.Child) *childEnd { return &childEnd{exit, m} })
}

// Prints writes text to the child's standard output. A line without a newline
// is handed on at the child's end, or when it is too long.
func (s ChildScript) Prints(text string) ChildScript {
	return s.and(func(_ *world.World, c *world.Child) { c.Prints(text, false) })
}

// PrintsError writes text to the child's standard error.
func (s ChildScript) PrintsError(text string) ChildScript {
	return s.and(func(_ *world.World, c *world.Child) { c.Prints(text, true) })
}

// Logs is [forker.Child.Logf], and Alerts is Alertf.
func (s ChildScript) Logs(text string) ChildScript {
	return s.and(func(_ *world.World, c *world.Child) { c.Say(forker.Message{Kind: forker.Logged, Text: text}) })
}

// Alerts logs a line and alerts, as [forker.Child.Alertf] does.
func (s ChildScript) Alerts(text string) ChildScript {
	return s.and(func(_ *world.World, c *world.Child) { c.Say(forker.Message{Kind: forker.Alerted, Text: text}) })
}

// Takes lets d pass. A child that is told to end meanwhile fails with "context
// canceled", as a function does that returns the error of its context.
func (s ChildScript) Takes(d time.Duration) ChildScript {
	return s.then(func(_ *world.World, c *world.Child) *childEnd {
		if c.Works(d) != nil {
			return canceled()
		}
		return nil
	})
}

// LeavesProcess starts a process in the child's process group, and does not wait
// for it: it must be gone when the child was reaped.
func (s ChildScript) LeavesProcess() ChildScript {
	return s.and(func(w *world.World, c *world.Child) { w.Leave(c) })
}

// IgnoresTerm lets SIGTERM do nothing to the child.
func (s ChildScript) IgnoresTerm() ChildScript {
	s.ignoresTerm = true
	return s
}

// Returns ends the child with a result. What cannot be encoded fails the
// scenario.
func (s ChildScript) Returns(result any) ChildScript {
	return s.then(func(w *world.World, c *world.Child) *childEnd {
		data, err := json.Marshal(result)
		if err != nil {
			w.Fail("ChildScript.Returns(%v): %v", result, err)
		}
		return &childEnd{outcome: c.Bounded(forker.Message{Kind: forker.Returned, Data: data})}
	})
}

// Fails ends the child with an error of its task.
func (s ChildScript) Fails(err error) ChildScript {
	return s.ends(forker.Exit{Code: 1}, forker.Message{Kind: forker.Failed, Text: err.Error()})
}

// Panics ends the child with a panic of its task.
func (s ChildScript) Panics(value any) ChildScript {
	return s.ends(forker.Exit{Code: 1}, forker.Message{
		Kind: forker.Panicked, Text: fmt.Sprint(value), Stack: "goroutine 1 [running]:\nmain.task()\n",
	})
}

// Exits ends the child with this status and without a result, as os.Exit does.
func (s ChildScript) Exits(code int) ChildScript {
	return s.ends(forker.Exit{Code: code}, forker.Message{})
}

// Crashes ends the child by a signal that comes from outside, such as SIGKILL
// from the kernel when memory is short.
func (s ChildScript) Crashes(sig syscall.Signal) ChildScript {
	return s.ends(forker.Exit{Code: -1, Signal: sig}, forker.Message{})
}

// Hangs lets the child go on for ever, without a look at its context: only
// SIGKILL ends it.
func (s ChildScript) Hangs() ChildScript {
	return s.and(func(_ *world.World, c *world.Child) { c.Hangs() })
}

// RunsOutOfMemory lets the child need more memory than there is: with a limit
// (forker.Memory) the Go runtime ends it, without one the kernel does so by
// SIGKILL.
func (s ChildScript) RunsOutOfMemory() ChildScript {
	return s.then(func(_ *world.World, c *world.Child) *childEnd {
		if !c.Limited() {
			return &childEnd{exit: forker.Exit{Code: -1, Signal: syscall.SIGKILL}}
		}
		c.Prints("fatal error: runtime: out of memory\n\ngoroutine 1 [running]:\nmain.task()\n", true)
		return &childEnd{exit: forker.Exit{Code: 2}}
	})
}

// CannotStart lets the operating system start no such child, for this reason:
// syscall.EAGAIN (too many processes), syscall.ENOMEM, syscall.EMFILE …
func (s ChildScript) CannotStart(reason syscall.Errno) ChildScript {
	s.refusal = reason
	return s
}

// InCall lets a worker of a pool, which Scenario.Children names as it does a
// task, follow a script in call n of a method, counted from 1 over all workers; 0
// means each call. What ends a child with a result or an error answers the call,
// and the worker goes on; what ends one without (Exits, Crashes) ends the worker.
// Where the script says nothing of the end, the method itself runs when the rest
// is done. Where several rules fit, the last one counts.
func (s ChildScript) InCall(method string, n int, script ChildScript) ChildScript {
	s.calls = append(slices.Clip(s.calls), callRule{method, n, script})
	return s
}

func (s ChildScript) with(words string, from, to int, script ChildScript) ChildScript {
	s.rules = append(slices.Clip(s.rules), childRule{from: from, to: to, script: script, words: fmt.Sprintf("%s(%d, …)", words, from)})
	return s
}

// Except lets child n of the task, counted from 1 over all programs of the
// scenario, follow another script. Where several rules fit, the last one counts.
func (s ChildScript) Except(n int, script ChildScript) ChildScript {
	return s.with("Except", n, n, script)
}

// ExceptFrom lets child n of the task and all later ones follow another script.
func (s ChildScript) ExceptFrom(n int, script ChildScript) ChildScript {
	return s.with("ExceptFrom", n, 0, script)
}

// Maybe says of the latest rule, or of the script where there is none, that no
// child need be its. One that was never met is a miss otherwise.
func (s ChildScript) Maybe() ChildScript {
	if len(s.rules) == 0 {
		s.maybe = true
		return s
	}
	s.rules = slices.Clone(s.rules)
	s.rules[len(s.rules)-1].maybe = true
	return s
}

// at returns what child n does, and the place of the rule that says so.
func (s ChildScript) at(n int) (script ChildScript, rule int) {
	for i, r := range slices.Backward(s.rules) {
		if n >= r.from && (r.to == 0 || n <= r.to) {
			return r.script, i
		}
	}
	return s, noRule
}
