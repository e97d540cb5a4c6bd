package signals

import (
	"os"
	"syscall"
)

// The two ends of a restart in place, for package forker/reexec: the old
// program says which signals it has ignored, the new one takes that up.

// Ignored returns the signals that the next program of this process will find
// ignored because of Quiesce, and not because that was so when the daemon was
// started.
func (o *OS) Ignored() []syscall.Signal {
	o.mu.Lock()
	defer o.mu.Unlock()
	var list []syscall.Signal
	for _, sig := range o.ignored {
		if number, ok := sig.(syscall.Signal); ok {
			list = append(list, number)
		}
	}
	return list
}

// Kept returns those of SIGHUP and SIGINT that stay ignored, because they were when
// the process was started.
func (o *OS) Kept() []syscall.Signal {
	o.mu.Lock()
	defer o.mu.Unlock()
	var list []syscall.Signal
	for _, sig := range []syscall.Signal{syscall.SIGHUP, syscall.SIGINT} {
		if o.kept[sig] {
			list = append(list, sig)
		}
	}
	return list
}

// SubscribeEarly keeps whatever arrives from now on for the first Listen:
// ignored, the signals that this process's former program ignored (its
// Ignored), and those that every daemon listens to, without kept (its Kept). A restarted program calls
// it once, as early as it can.
func (o *OS) SubscribeEarly(ignored, kept []syscall.Signal) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.kept = map[os.Signal]bool{}
	for _, sig := range kept {
		o.kept[sig] = true
	}
	for _, sig := range []os.Signal{syscall.SIGTERM, syscall.SIGINT} { // they end the process until then
		if !o.kept[sig] {
			o.setEarly(sig, subscribe(sig))
		}
	}
	for _, sig := range ignored {
		if o.early[sig] == nil {
			o.setEarly(sig, subscribe(sig))
		}
		o.mute(sig)
	}
	for _, sig := range []os.Signal{syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2} {
		if o.early[sig] != nil || o.kept[sig] {
			continue
		}
		shield(sig)
		o.setEarly(sig, subscribe(sig))
		if ignorable(sig) {
			o.mute(sig)
		}
	}
}

func (o *OS) setEarly(sig os.Signal, ch chan os.Signal) {
	if o.early == nil {
		o.early = map[os.Signal]chan os.Signal{}
	}
	o.early[sig] = ch
}
