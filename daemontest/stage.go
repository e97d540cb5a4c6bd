package daemontest

import (
	"fmt"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/evertick/evertick/forker"
)

// play runs the scenario once, in a bubble of its own, guarded by a watchdog.
func play(t *testing.T, declare NewFunc, s Scenario, seed uint64) *Result {
	r := &Result{Seed: seed, scenario: &s}
	ready := make(chan *World, 1)
	done := make(chan string, 1)
	go func() {
		var died string
		var world *World
		defer func() {
			close(ready)
			done <- died
		}()
		defer func() {
			if v := recover(); v != nil {
				died = explain(v, world)
			}
		}()
		synctest.Test(t, func(*testing.T) {
			w := newWorld(declare, &s, seed)
			world = w
			ready <- w
			w.run()
		})
	}()
	if r.world = <-ready; r.world == nil { // there was no bubble
		r.world = &World{scenario: &s}
		r.world.trace = &trace{world: r.world}
	}
	r.died, r.hung = guard(r.world, done)
	return r
}

// explain puts a panic of the bubble into words. w is nil if it never began.
func explain(v any, w *World) string {
	text := fmt.Sprint(v)
	switch {
	case w == nil && strings.Contains(text, "synctest"):
		return text + ": daemontest.Run makes a bubble of its own, so call it outside of one"
	case w != nil && strings.HasPrefix(text, "deadlock"):
		return "goroutines were left behind when every process had ended. Does the daemon start some that ignore the end of their context, or does Execute never return? A scenario that wants that has daemontest.Takes(d).HangsAt(n).\n" + stacks(w.bubble, true)
	}
	return fmt.Sprintf("the scenario panicked: %s\n%s", text, debug.Stack())
}

// linger is how long a bubble goes on when all is over, for goroutines of a
// daemon that were killed in their sleep: a bubble's time stands still when its
// first goroutine ends, and then they would never end.
const linger = time.Hour

// run is the scenario, from inside the bubble.
func (w *World) run() {
	for path, err := range w.scenario.Deny {
		w.denied[w.clean(path)] = err
	}
	for _, url := range w.scenario.Held {
		w.locks.Steal(url, somebodyElse, 0)
	}
	steps := w.scenario.Steps.place(w.lanes)
	for _, s := range steps {
		if s.trigger != nil {
			w.triggers = append(w.triggers, &trigger{step: s})
		}
	}
	w.toCome = len(steps) - len(w.triggers)
	w.spawn(strings.Fields(w.scenario.Args), forker.Birth{})
	limit := time.NewTimer(w.scenario.limit())
	defer limit.Stop()
	go w.drive(steps)
	if !w.awaitEnd(limit.C) && !w.trace.spinning() {
		w.Fail("the daemon had not ended after %s and was cut off: add a step that stops it, such as daemontest.At(d, daemontest.Signal(syscall.SIGTERM)), or a longer Limit", w.scenario.limit())
	}
	close(w.stop)
	for _, p := range w.all() {
		_ = p.signal(syscall.SIGKILL)
	}
	for _, p := range w.all() {
		<-p.ended
	}
	synctest.Wait()
	w.over.Store(int64(w.now()))
	time.Sleep(linger)
	synctest.Wait()
}

// drive runs the timed steps.
func (w *World) drive(steps Steps) {
	for _, s := range steps {
		if s.trigger != nil {
			continue
		}
		at := s.at.Truncate(quantum) + lane(s.lane, laneStep)
		wait := time.NewTimer(at - time.Since(w.start))
		select {
		case <-wait.C:
			done := make(chan struct{})
			go func() { // an action may end its goroutine
				defer close(done)
				w.act(s)
			}()
			<-done
		case <-w.stop:
			wait.Stop()
			return
		}
	}
}

// awaitEnd waits until no process is left and no step is to come, or for the
// limit.
func (w *World) awaitEnd(limit <-chan time.Time) bool {
	for {
		var ended <-chan struct{}
		for _, p := range w.all() {
			select {
			case <-p.ended:
			default:
				ended = p.ended
			}
		}
		w.mu.Lock()
		over := ended == nil && w.toCome == 0
		w.mu.Unlock()
		if over {
			return true
		}
		select {
		case <-ended:
		case <-w.stepped:
		case <-limit:
			return false
		}
	}
}
