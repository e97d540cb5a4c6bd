package signals

import (
	"os"
	"os/signal"
	"slices"
	"syscall"
)

// harmless reports whether a signal ends nobody who does not listen: it need
// not be ignored, and SIGCHLD and SIGURG had better not be. The Go runtime
// delivers no SIGPIPE any more once that was ignored, by this program or the one
// before it.
func harmless(sig os.Signal) bool {
	switch sig {
	case syscall.SIGCHLD, syscall.SIGCONT, syscall.SIGPIPE, syscall.SIGURG, syscall.SIGWINCH:
		return true
	}
	return false
}

// ignorable reports whether Quiesce can ignore a signal at any moment: all but
// those that ask for an end, which keep their default effect then.
func ignorable(sig os.Signal) bool {
	return sig != syscall.SIGTERM && sig != syscall.SIGINT && !harmless(sig)
}

// shield ignores a signal for an instant before it is listened to. For when it
// is ignored later, a signal may just be entering the Go runtime's handler on
// another thread. The handler then finds that nobody wants the signal, and
// does what was in force before the first Notify: which must not be to die.
func shield(sig os.Signal) {
	if ignorable(sig) {
		signal.Ignore(sig)
	}
}

// lookWhatIsIgnored notes, the first time, which of SIGHUP and SIGINT are ignored
// since the process was started. The Go runtime tells of no others.
func (o *OS) lookWhatIsIgnored() {
	if o.kept != nil {
		return
	}
	o.kept = map[os.Signal]bool{}
	for _, sig := range []syscall.Signal{syscall.SIGHUP, syscall.SIGINT} {
		if signal.Ignored(sig) {
			o.kept[sig] = true
		}
	}
}

// ListenToAll makes Listen take SIGHUP and SIGINT also where they were ignored when
// the process was started: a daemon that is detached has its signals reset, as
// daemon(7) asks. It is called before Listen.
func (o *OS) ListenToAll() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.kept = map[os.Signal]bool{}
}

// mute notes that sig has been ignored once.
func (o *OS) mute(sig os.Signal) {
	if (sig == syscall.SIGHUP || sig == syscall.SIGINT) && !slices.Contains(o.muted, sig) {
		o.muted = append(o.muted, sig)
	}
}

// imitateDefaults gives the muted signals that are neither listened to nor to
// be ignored their default effect.
func (o *OS) imitateDefaults() {
	for _, sig := range o.muted {
		if !slices.Contains(o.ignored, sig) {
			o.read(sig, exitBy)
		}
	}
}

// exitBy is the default effect of a signal that the Go runtime can no longer
// have the kernel's own for: the process ends, with the status that a shell
// shows for it.
func exitBy(sig os.Signal) { os.Exit(128 + int(sig.(syscall.Signal))) }
