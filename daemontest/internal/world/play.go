package world

import (
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"runtime/debug"
	"runtime/pprof"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/evertick/evertick/forker/reexec"
)

// Play plays a scenario once, in a bubble of its own, guarded by a watchdog. It
// returns the world as the scenario left it, and what the bubble died of: a
// panic, goroutines that were left behind, or a hang, after which there is
// nothing else to look at. The world's files are there until the test ends, or
// Remove is called.
func Play(t *testing.T, c Config) (w *World, died string, hung bool) {
	base, err := temporary()
	if err != nil {
		t.Fatalf("a scenario needs a temporary folder, in %s or in %s: %v", inMemory, os.TempDir(), err)
	}
	t.Cleanup(func() { removeTemporary(base) })
	http.DefaultClient.CloseIdleConnections() // a bubble must not be given one that was made outside
	signalOutside()
	o := &player{
		ready: make(chan *World, 1), over: make(chan struct{}), judged: make(chan struct{}),
		done: make(chan string, 1),
	}
	go o.run(t, c, base)
	if w = <-o.ready; w == nil { // there was no bubble
		w = newWorld(c, base)
	}
	guarded := make(chan struct{})
	go func() {
		defer close(guarded)
		died, hung = guard(c.Watchdog, o.bubble, o.progress(w), w.note, o.done)
	}()
	select {
	case <-o.over:
		o.judge(w)
		<-guarded
	case <-guarded:
		if !hung {
			o.judge(w)
		}
	}
	if hung {
		fmt.Fprintf(os.Stderr, "%s: %s\n", t.Name(), died) // at once: the test binary may not live to report it
		w.time.abandoned.Store(true)                       // should it ever go on, it finds its end
	}
	bubbles.Delete(o.bubble)
	return w, died, hung
}

// signalOutside makes package os/signal start the goroutines that it needs. Made
// by a call in a bubble they would end the test binary.
var signalOutside = sync.OnceFunc(func() {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGURG)
	signal.Stop(c)
})

// player is the side of a play that is not in the bubble.
type player struct {
	bubble  string // its name
	began   bool
	ready   chan *World
	over    chan struct{} // closed when the scenario is over
	judging atomic.Int64  // grows while the scenario is judged
	judged  chan struct{} // closed when it has been
	done    chan string   // what the bubble died of
}

// run runs the bubble.
func (o *player) run(t *testing.T, c Config, base string) {
	var died string
	var w *World
	defer func() {
		close(o.ready)
		o.done <- died
	}()
	defer func() {
		if v := recover(); v != nil {
			died = o.explain(v, w)
		}
	}()
	synctest.Test(t, func(*testing.T) {
		o.began, o.bubble = true, bubbleName()
		sleep(time.Until(c.WallStart)) // so that time.Now agrees with it
		w = newWorld(c, base)
		bubbles.Store(o.bubble, w)
		o.ready <- w
		w.play(o)
	})
}

// judge has the scenario judged, while the bubble waits.
func (o *player) judge(w *World) {
	o.judging.Add(1)
	defer o.judging.Store(0)
	defer close(o.judged)
	if w.config.Judge != nil {
		w.config.Judge(w)
	}
}

// progress returns a number that grows while the bubble's time stands still for
// no fault of its own, too.
func (o *player) progress(w *World) func() int64 {
	return func() int64 {
		if o.judging.Load() > 0 {
			return -o.judging.Add(1)
		}
		return w.Timeline.Progress()
	}
}

// explain puts a panic of the bubble into words. Nothing is wrong where it is
// only that goroutines of programs were left that something else than the
// program's own end has ended.
func (o *player) explain(v any, w *World) string {
	text := fmt.Sprint(v)
	switch {
	case !o.began && strings.Contains(text, "synctest"):
		return text + ": daemontest.Run makes a bubble of its own, so call it outside of one"
	case o.began && strings.HasPrefix(text, "deadlock"):
		left, n := leftovers(o.bubble)
		if w.leftByOthers(n) {
			return ""
		}
		return "goroutines were left behind when every process had ended. Does the daemon start some that ignore the end of their context, or does Execute never return? A scenario that wants that has daemontest.Takes(d).HangsAt(n).\n" + left
	}
	return fmt.Sprintf("the scenario panicked: %s\n%s", text, debug.Stack())
}

// leftByOthers reports whether all of the n goroutines that are left are of
// generations that were killed, replaced or ended with an error, or of children:
// what those leave is swept away with them.
func (w *World) leftByOthers(n int) bool {
	var profile strings.Builder
	_ = pprof.Lookup("goroutine").WriteTo(&profile, 1)
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, g := range w.generations {
		if g.label != "" && (&g.presence != g.process.present.Load() || !g.process.ExitedWith(0)) {
			n -= labelled(profile.String(), g.label)
		}
	}
	for _, c := range w.children {
		if c.label != "" {
			n -= labelled(profile.String(), c.label)
		}
	}
	return n <= 0
}

// linger is how long a bubble goes on when all is over, for goroutines of a
// daemon that were killed in their sleep: a bubble's time stands still when its
// first goroutine ends, and then they would never end.
const linger = time.Hour

// play is the scenario, from inside the bubble.
func (w *World) play(o *player) {
	if w.config.Prepare != nil {
		w.config.Prepare(w)
	}
	var all []Step
	if w.config.Steps != nil {
		all = w.config.Steps(w)
	}
	steps := newSteps(w.time, w.Timeline, all)
	w.steps.Store(steps)
	w.Spawn(w.Machine, w.config.Args, reexec.Origin{})
	limit := after(w.config.Limit)
	defer limit.Stop()
	go steps.drive()
	if !w.awaitEnd(steps, limit.C) && !w.Timeline.Spins() {
		w.cut.Store(true)
		w.Fail("the daemon had not ended after %s and was cut off: add a step that stops it, such as daemontest.At(d, daemontest.Signal(syscall.SIGTERM)), or a longer Limit", w.config.Limit)
	}
	close(steps.stop)
	w.closing.Store(true)
	for _, p := range w.Processes() {
		_ = p.Signal(syscall.SIGKILL)
	}
	for _, p := range w.Processes() {
		<-p.ended
	}
	for _, c := range w.Children() {
		<-c.gone
	}
	synctest.Wait()
	w.time.end()
	close(o.over)
	<-o.judged
	w.letGo()
	sleep(linger)
	synctest.Wait()
}

// letGo lets what was killed or replaced come to its end, without an effect.
func (w *World) letGo() {
	w.time.abandoned.Store(true)
	close(w.time.judged)
	w.mu.Lock()
	for _, g := range w.generations {
		g.timers.letGo()
	}
	for _, c := range w.children {
		c.tell(errGone)
	}
	w.mu.Unlock()
	for _, p := range w.Processes() {
		if deliver := p.signals.lastDeliver(); deliver != nil {
			go deliver(syscall.SIGKILL) // only to wake the loop: its checkpoint ends it
		}
	}
	w.Locks.closeAll()
	w.endNetwork()
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
		for _, c := range w.Children() {
			if c.Alive() {
				ended = c.gone
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
