package signals

import (
	"os"
	"os/signal"
	"slices"
	"sync"
	"syscall"
)

// stopBuffer is how many SIGINTs and SIGTERMs wait while deliver is busy. Each
// of them counts: a second one forces what the first one asked for.
const stopBuffer = 64

// OS is the real [Listener]: the operating system's signals to this process. It
// has one channel and one goroutine for each kind of signal, so that a storm of
// one never holds up another. It is safe for concurrent use.
type OS struct {
	mu sync.Mutex

	// early holds what a restarted program subscribed to at its start, until
	// the first Listen.
	early map[os.Signal]chan os.Signal

	// open are the channels that are read, by the goroutines that readers
	// counts: those of the present Listen, and those of muted signals.
	open    map[os.Signal]chan os.Signal
	readers sync.WaitGroup

	// ignored are the signals that Quiesce has ignored since the last Listen.
	ignored []os.Signal

	// muted are SIGHUP and SIGINT, once this program or the one before it has
	// ignored them: the Go runtime then takes "ignored" for their default
	// effect. Where they are not listened to, their real default effect must
	// be imitated.
	muted []os.Signal

	// kept are those of SIGHUP and SIGINT that were ignored when the process was
	// started, as nohup(1) does, and stay so; nil until it has been looked.
	kept map[os.Signal]bool

	// term sets SIGTERM's action between Quiesce and the next Listen.
	term termAction
}

var _ Listener = (*OS)(nil)

var system OS

// System returns this process's Listener, always the same one.
func System() *OS { return &system }

// Listen calls deliver for each of sigs that arrives, from one goroutine for
// each kind, until Quiesce. Signals of one kind may be merged where they come
// faster than deliver returns, SIGINT and SIGTERM excepted. In a restarted
// program, what has arrived since its start is delivered first, and signals
// that were ignored for the time of the restart get their default effect back
// where sigs does not hold them.
//
// SIGHUP and SIGINT that were ignored when the process was started stay ignored, in
// all of its programs: a shell has asked for it.
//
// Listen is called once, or again after Quiesce; a Listen without a Quiesce
// ends the former one first. deliver must not wait for a goroutine that calls
// Quiesce.
func (o *OS) Listen(sigs []os.Signal, deliver func(os.Signal)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.close()
	o.term.restore()
	o.lookWhatIsIgnored()
	for _, sig := range sigs {
		if o.kept[sig] {
			continue
		}
		if o.open[sig] == nil && o.early[sig] == nil {
			shield(sig)
		}
		if ignorable(sig) {
			o.mute(sig)
		}
		o.read(sig, deliver)
	}
	ignored := o.ignored
	o.ignored = nil
	o.imitateDefaults()
	for _, sig := range ignored {
		if o.open[sig] == nil && o.early[sig] == nil {
			o.setEarly(sig, subscribe(sig)) // signal.Reset would leave it ignored
		}
	}
	for sig, ch := range o.early {
		unsubscribe(sig, ch)
	}
	clear(o.early)
}

// Quiesce ends Listen before an exec or the end: the signals in ignore are
// ignored from now on, also by the next program until it listens for them; the
// others get their default effect back. When it returns, every signal that had
// arrived before the call has been delivered, and deliver is not called any
// more. It waits for deliver, which must therefore not wait for the caller.
func (o *OS) Quiesce(ignore ...os.Signal) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !slices.Contains(ignore, os.Signal(syscall.SIGTERM)) {
		// First, so that what is on its way still finds its channel below.
		o.term.setDefault()
	}
	// Signals whose default effect is nothing need not be ignored.
	ignore = slices.DeleteFunc(slices.Clone(ignore), func(sig os.Signal) bool { return harmless(sig) || o.kept[sig] })
	if len(ignore) > 0 {
		// While one channel after the other is closed, this one keeps the
		// signals' default effects away.
		sink := make(chan os.Signal, 1)
		signal.Notify(sink, ignore...)
		defer signal.Stop(sink)
	}
	for _, ch := range o.open {
		signal.Stop(ch) // returns when what has arrived is in the channel
	}
	for _, sig := range ignore {
		signal.Ignore(sig)
		o.mute(sig)
		if !slices.Contains(o.ignored, sig) {
			o.ignored = append(o.ignored, sig)
		}
	}
	o.close()
	o.imitateDefaults()
}

// read delivers one kind of signal, unless that is being done already.
func (o *OS) read(sig os.Signal, deliver func(os.Signal)) {
	if o.open[sig] != nil {
		return
	}
	ch := o.early[sig]
	if ch == nil {
		ch = subscribe(sig)
	}
	delete(o.early, sig)
	if o.open == nil {
		o.open = map[os.Signal]chan os.Signal{}
	}
	o.open[sig] = ch
	o.readers.Go(func() {
		for got := range ch {
			deliver(got)
		}
	})
}

// close stops reading, once what has arrived has been delivered.
func (o *OS) close() {
	for _, ch := range o.open {
		signal.Stop(ch)
		close(ch)
	}
	o.readers.Wait()
	clear(o.open)
}

// subscribe opens a channel for one kind of signal. One place is enough where
// signals may be merged.
func subscribe(sig os.Signal) chan os.Signal {
	places := 1
	if sig == syscall.SIGTERM || sig == syscall.SIGINT {
		places = stopBuffer
	}
	ch := make(chan os.Signal, places)
	signal.Notify(ch, sig)
	return ch
}

// unsubscribe gives a signal its default effect, also if it has arrived
// already.
func unsubscribe(sig os.Signal, ch chan os.Signal) {
	signal.Stop(ch)
	if number, ok := sig.(syscall.Signal); ok && len(ch) > 0 {
		_ = syscall.Kill(os.Getpid(), number)
	}
}
