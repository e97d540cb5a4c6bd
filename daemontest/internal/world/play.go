package world

import (
	"fmt"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/evertick/evertick/forker/reexec"
)

// Play plays a scenario once, in a bubble of its own, guarded by a watchdog. It
// returns the world as the scenario left it, and what the bubble died of: a
// panic, goroutines that were left behind, or a hang, after which there is
// nothing else to look at.
func Play(t *testing.T, c Config) (w *World, died string, hung bool) {
	ready := make(chan *World, 1)
	done := make(chan string, 1)
	bubble := ""
	go func() {
		var died string
		began := false
		defer func() {
			close(ready)
			done <- died
		}()
		defer func() {
			if v := recover(); v != nil {
				died = explain(v, began, bubble)
			}
		}()
		synctest.Test(t, func(*testing.T) {
			began, bubble = true, bubbleName()
			w := newWorld(c)
			ready <- w
			w.play()
		})
	}()
	if w = <-ready; w == nil { // there was no bubble
		w = newWorld(c)
	}
	if died, hung = guard(c.Watchdog, bubble, w.Timeline.Progress, done); hung {
		w.time.abandoned.Store(true) // should it ever go on, it finds its end
	}
	return w, died, hung
}

// explain puts a panic of the bubble into words.
func explain(v any, began bool, bubble string) string {
	text := fmt.Sprint(v)
	switch {
	case !began && strings.Contains(text, "synctest"):
		return text + ": daemontest.Run makes a bubble of its own, so call it outside of one"
	case began && strings.HasPrefix(text, "deadlock"):
		return "goroutines were left behind when every process had ended. Does the daemon start some that ignore the end of their context, or does Execute never return? A scenario that wants that has daemontest.Takes(d).HangsAt(n).\n" + stacks(bubble, true)
	}
	return fmt.Sprintf("the scenario panicked: %s\n%s", text, debug.Stack())
}

// linger is how long a bubble goes on when all is over, for goroutines of a
// daemon that were killed in their sleep: a bubble's time stands still when its
// first goroutine ends, and then they would never end.
const linger = time.Hour

// play is the scenario, from inside the bubble.
func (w *World) play() {
	if w.config.Prepare != nil {
		w.config.Prepare(w)
	}
	var all []Step
	if w.config.Steps != nil {
		all = w.config.Steps(w)
	}
	steps := newSteps(w.time, w.Timeline, all)
	w.Spawn(w.Machine, w.config.Args, reexec.Origin{})
	limit := after(w.config.Limit)
	defer limit.Stop()
	go steps.drive()
	if !w.awaitEnd(steps, limit.C) && !w.Timeline.Spins() {
		w.Fail("the daemon had not ended after %s and was cut off: add a step that stops it, such as daemontest.At(d, daemontest.Signal(syscall.SIGTERM)), or a longer Limit", w.config.Limit)
	}
	close(steps.stop)
	for _, p := range w.Processes() {
		_ = p.Signal(syscall.SIGKILL)
	}
	for _, p := range w.Processes() {
		<-p.ended
	}
	synctest.Wait()
	w.time.end()
	sleep(linger)
	synctest.Wait()
}

// awaitEnd waits until no process is left and no step is to come, or for the
// limit.
func (w *World) awaitEnd(s *steps, limit <-chan time.Time) bool {
	for {
		var ended <-chan struct{}
		for _, p := range w.Processes() {
			select {
			case <-p.ended:
			default:
				ended = p.ended
			}
		}
		if ended == nil && s.allDone() {
			return true
		}
		select {
		case <-ended:
		case <-s.done:
		case <-limit:
			return false
		}
	}
}
