package forker

import (
	"os"
	"os/signal"
	"slices"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// deepEar is how many SIGINTs and SIGTERMs wait while deliver is busy. Each of
// them counts: a second one forces what the first one asked for.
const deepEar = 64

// ears is how signals reach this process: one channel and one goroutine for
// each kind, so that a storm of one never crowds out another.
type ears struct {
	mu sync.Mutex

	// early holds what a restarted image listened to since its start, until
	// the first Listen.
	early map[os.Signal]chan os.Signal

	// open are the channels that are read, by the goroutines that done counts:
	// those of the present Listen, and those of muted signals.
	open map[os.Signal]chan os.Signal
	done sync.WaitGroup

	// ignored are the signals that Quiesce has ignored since the last Listen.
	ignored []os.Signal

	// muted are SIGHUP and SIGINT, once this image or the previous one has
	// ignored them: the Go runtime then takes "ignored" for their default
	// effect. Where they are not listened to, the real one must be played.
	muted []os.Signal
}

func (e *ears) adopt(in inheritance) {
	e.early, e.open = map[os.Signal]chan os.Signal{}, map[os.Signal]chan os.Signal{}
	for sig, ch := range in.early {
		e.early[sig] = ch
		if shielded(sig) {
			e.mute(sig)
		}
	}
	for _, sig := range in.ignored {
		e.mute(sig)
	}
}

// mute notes that sig has been ignored once.
func (e *ears) mute(sig os.Signal) {
	if (sig == syscall.SIGHUP || sig == syscall.SIGINT) && !slices.Contains(e.muted, sig) {
		e.muted = append(e.muted, sig)
	}
}

// hearEarly makes a restarted image keep whatever arrives from now on for its
// Listen: the signals that its previous image ignored on its behalf, and those
// that every daemon listens to.
func hearEarly(ignored []syscall.Signal) map[os.Signal]chan os.Signal {
	early := map[os.Signal]chan os.Signal{}
	for _, sig := range ignored {
		early[sig] = hear(sig)
	}
	for _, sig := range []os.Signal{
		syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2,
	} {
		if early[sig] == nil {
			shield(sig)
			early[sig] = hear(sig)
		}
	}
	return early
}

// harmless are signals that end nobody who does not listen: they need not be
// ignored, and SIGCHLD and SIGURG had better not be.
func harmless(sig os.Signal) bool {
	switch sig {
	case syscall.SIGCHLD, syscall.SIGCONT, syscall.SIGURG, syscall.SIGWINCH:
		return true
	}
	return false
}

// shielded are the signals that Quiesce can ignore at any moment: all but
// those that ask for an end, which keep their default effect then.
func shielded(sig os.Signal) bool {
	return sig != syscall.SIGTERM && sig != syscall.SIGINT && !harmless(sig)
}

// shield ignores a signal for an instant before it is listened to. For when it
// is ignored later, a signal may just be entering the Go runtime's handler on
// another thread. The handler then finds that nobody wants the signal, and
// does what was in force before the first Notify: which must not be to die.
func shield(sig os.Signal) {
	if shielded(sig) {
		signal.Ignore(sig)
	}
}

// hear opens a channel for one kind of signal. One place is enough where
// signals may be merged.
func hear(sig os.Signal) chan os.Signal {
	depth := 1
	if sig == syscall.SIGTERM || sig == syscall.SIGINT {
		depth = deepEar
	}
	ch := make(chan os.Signal, depth)
	signal.Notify(ch, sig)
	return ch
}

// Listen calls deliver for each of sigs that arrives, from one goroutine for
// each kind, until Quiesce. Signals of one kind may be merged where they come
// faster than deliver returns, SIGINT and SIGTERM excepted. In a restarted
// image, what has arrived since its start is delivered first, and signals that
// were ignored for the time of the restart get their default effect back where
// sigs does not hold them.
//
// Listen is called once, or again after Quiesce; a Listen upon a Listen ends
// the former one first. deliver must not wait for a goroutine that calls
// Quiesce.
func (m *Machine) Listen(sigs []os.Signal, deliver func(os.Signal)) {
	e := &m.ears
	e.mu.Lock()
	defer e.mu.Unlock()
	e.close()
	for _, sig := range sigs {
		if e.open[sig] == nil && e.early[sig] == nil {
			shield(sig)
		}
		if shielded(sig) {
			e.mute(sig)
		}
		e.listen(sig, deliver)
	}
	ignored := e.ignored
	e.ignored = nil
	e.playMuted()
	for _, sig := range ignored {
		if e.open[sig] == nil && e.early[sig] == nil {
			e.early[sig] = hear(sig) // signal.Reset would leave it ignored
		}
	}
	for sig, ch := range e.early {
		letGo(sig, ch)
	}
	clear(e.early)
}

// listen delivers one kind of signal, unless that is being done already.
func (e *ears) listen(sig os.Signal, deliver func(os.Signal)) {
	if e.open[sig] != nil {
		return
	}
	ch := e.early[sig]
	if ch == nil {
		ch = hear(sig)
	}
	delete(e.early, sig)
	e.open[sig] = ch
	e.done.Go(func() {
		for got := range ch {
			deliver(got)
		}
	})
}

// playMuted gives the muted signals that are neither listened to nor to be
// ignored their default effect.
func (e *ears) playMuted() {
	for _, sig := range e.muted {
		if !slices.Contains(e.ignored, sig) {
			e.listen(sig, endBy)
		}
	}
}

// endBy is the default effect of a signal that the Go runtime can no longer
// have the kernel's own for: the process ends, with the status that a shell
// shows for it.
func endBy(sig os.Signal) { os.Exit(128 + int(sig.(syscall.Signal))) }

// letGo gives an unwanted signal its default effect, also if it has arrived
// already.
func letGo(sig os.Signal, ch chan os.Signal) {
	signal.Stop(ch)
	if number, ok := sig.(syscall.Signal); ok && len(ch) > 0 {
		_ = syscall.Kill(os.Getpid(), number)
	}
}

// Quiesce ends Listen, in preparation of Exec or the end: the signals in
// ignore are ignored from now on, also by the next image until it listens for
// them; the others get their default effect back. When it returns, every signal
// that had arrived before the call has been delivered, and deliver is not
// called any more. It waits for deliver, which must therefore not wait for the
// caller.
func (m *Machine) Quiesce(ignore ...os.Signal) {
	e := &m.ears
	e.mu.Lock()
	defer e.mu.Unlock()
	// Signals whose default effect is nothing need not be ignored.
	ignore = slices.DeleteFunc(slices.Clone(ignore), harmless)
	if len(ignore) > 0 {
		// While one channel after the other is closed, this one keeps the
		// signals' default effects away.
		sink := make(chan os.Signal, 1)
		signal.Notify(sink, ignore...)
		defer signal.Stop(sink)
	}
	for _, ch := range e.open {
		signal.Stop(ch) // returns when what has arrived is in the channel
	}
	for _, sig := range ignore {
		signal.Ignore(sig)
		e.mute(sig)
		if !slices.Contains(e.ignored, sig) {
			e.ignored = append(e.ignored, sig)
		}
	}
	e.close()
	e.playMuted()
}

// close stops reading, once what has arrived has been delivered.
func (e *ears) close() {
	for _, ch := range e.open {
		signal.Stop(ch)
		close(ch)
	}
	e.done.Wait()
	clear(e.open)
}

// leftIgnored are the signals that the next image will find ignored because of
// us, and not because whoever started the daemon wanted it so.
func (e *ears) leftIgnored() []syscall.Signal {
	e.mu.Lock()
	defer e.mu.Unlock()
	var left []syscall.Signal
	for _, sig := range e.ignored {
		if number, ok := sig.(syscall.Signal); ok {
			left = append(left, number)
		}
	}
	return left
}

// SignalName is the name that people type, such as SIGHUP, where String says
// "hangup".
func SignalName(sig os.Signal) string {
	if s, ok := sig.(syscall.Signal); ok {
		if name := unix.SignalName(s); name != "" {
			return name
		}
	}
	return sig.String()
}
