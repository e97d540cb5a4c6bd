package signals

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Listener is how signals reach a daemon.
type Listener interface {
	// Listen calls deliver for each of sigs that arrives, from goroutines of
	// its own, until Quiesce. Signals of one kind may be merged where they
	// come faster than deliver returns, SIGINT and SIGTERM excepted. It is
	// called once, or again after Quiesce.
	Listen(sigs []os.Signal, deliver func(os.Signal))

	// Quiesce ends Listen before an exec or the end: the signals in ignore are
	// ignored from now on, also by the next program of this process until it
	// listens for them; the others get their default effect back. When it
	// returns, every signal that had arrived before the call has been
	// delivered. It waits for deliver, which must therefore not wait for the
	// caller.
	Quiesce(ignore ...os.Signal)

	// Kept returns those of SIGHUP and SIGINT that stay ignored, because they were
	// when the process was started; none before the first Listen.
	Kept() []syscall.Signal
}

// Name returns the name that people type, such as SIGHUP, where sig's own
// String says "hangup".
func Name(sig os.Signal) string {
	if s, ok := sig.(syscall.Signal); ok {
		if name := unix.SignalName(s); name != "" {
			return name
		}
	}
	return sig.String()
}
