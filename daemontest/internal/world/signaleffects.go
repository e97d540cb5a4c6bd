package world

import (
	"math/bits"
	"os"
	"syscall"

	"github.com/evertick/evertick/forker/signals"
)

// signalSet is a set of signals by number.
type signalSet uint64

// maxSignal is the highest number of a signal.
const maxSignal = 64

func setOf(sigs ...os.Signal) (s signalSet) {
	for _, sig := range sigs {
		if number, ok := sig.(syscall.Signal); ok && number > 0 && number <= maxSignal {
			s |= 1 << (number - 1)
		}
	}
	return s
}

func (s signalSet) has(sig syscall.Signal) bool { return s&setOf(sig) != 0 }

// next returns the signal that is delivered first, as next_signal of the kernel
// chooses it: those of faults, then by number; 0 for none.
func (s signalSet) next() syscall.Signal {
	if first := s & faults; first != 0 {
		s = first
	}
	if s == 0 {
		return 0
	}
	return syscall.Signal(bits.TrailingZeros64(uint64(s)) + 1)
}

// stops are the signals that stop a process by default, and terminalStops those
// of them that a terminal sends: a program can listen for them.
var (
	terminalStops = setOf(syscall.SIGTSTP, syscall.SIGTTIN, syscall.SIGTTOU)
	stops         = terminalStops | setOf(syscall.SIGSTOP)
	continues     = setOf(syscall.SIGCONT)
)

// faults are the signals that the kernel sends for a fault of the program. These
// and some others stay as they are in the kernel where a Go program ignores them,
// and so do not pass to the next program; SIGPIPE by package signals' choice.
var (
	faults     = setOf(syscall.SIGSEGV, syscall.SIGBUS, syscall.SIGILL, syscall.SIGTRAP, syscall.SIGFPE, syscall.SIGSYS)
	unpassable = faults | setOf(syscall.SIGPROF, syscall.SIGPIPE) | named("SIGSTKFLT")
)

// unmanaged are the signals of thread libraries, which the Go runtime leaves to
// the kernel even where a program listens for them.
var unmanaged = setOf(syscall.Signal(32), syscall.Signal(34))

// named is for a signal that not every platform has.
func named(name string) signalSet {
	for sig := syscall.Signal(1); sig <= maxSignal; sig++ {
		if signals.Name(sig) == name {
			return setOf(sig)
		}
	}
	return 0
}

// goCrashes has what the Go runtime says when a signal that is sent to a program
// makes it end with a stack dump.
var goCrashes = map[string]string{
	"SIGQUIT": "quit", "SIGILL": "illegal instruction", "SIGTRAP": "trace trap", "SIGABRT": "abort",
	"SIGBUS": "bus error", "SIGFPE": "floating-point exception", "SIGSEGV": "segmentation violation",
	"SIGSTKFLT": "stack fault", "SIGSYS": "bad system call",
}

// crashStatus is the exit status of a Go program that ends with a stack dump.
const crashStatus = 2

// stackDump is a short form of what such a program writes to standard error.
func stackDump(sig syscall.Signal) string {
	name := signals.Name(sig)
	return name + ": " + goCrashes[name] + "\nPC=0x0 m=0 sigcode=0\n\ngoroutine 1 [running]:\nmain.main()\n"
}

// effect is what a signal does to a process.
type effect int

const (
	effectNone    effect = iota
	effectDeliver        // it is delivered to who listens
	effectStop           // the process stops
	effectKill           // the process is killed by it
	effectExit           // the process exits with the status that a shell shows for it
	effectCrash          // the process exits with a stack dump
)

// effects is what decides about a signal's effect.
type effects struct {
	// runtime says that a Go program runs. Before it begins, and from an exec
	// to the beginning of the next one, the kernel's defaults hold.
	runtime bool

	// orphaned says that no shell could resume the process: the kernel then
	// does not let a terminal stop it.
	orphaned bool

	deliver func(os.Signal)
	listens signalSet
	ignored signalSet

	// altered are those whose default effect is another one since this program
	// has listened for them, or has ignored them.
	altered signalSet

	// held are the signals to which a restarted program is subscribed from its
	// beginning: they wait until it listens.
	held signalSet
}

// of returns the effect of sig at present.
func (e *effects) of(sig syscall.Signal) effect {
	handled := e.runtime && !unmanaged.has(sig)
	switch {
	case sig == syscall.SIGSTOP:
		return effectStop
	case e.ignored.has(sig) && (handled || !(unpassable | unmanaged).has(sig)):
		return effectNone
	case handled && e.deliver != nil && e.listens.has(sig):
		return effectDeliver
	case handled && e.altered.has(sig):
		if terminalStops.has(sig) {
			return effectNone
		}
		return effectExit
	case terminalStops.has(sig):
		if e.orphaned {
			return effectNone
		}
		return effectStop
	case handled:
		return goDefault(sig)
	default:
		return kernelDefault(sig)
	}
}

// goDefault is a signal's effect on a Go program that does not listen for it:
// see package os/signal, and sighandler in package runtime.
func goDefault(sig syscall.Signal) effect {
	if _, crashes := goCrashes[signals.Name(sig)]; crashes {
		return effectCrash
	}
	switch sig {
	case syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM:
		return effectKill
	default:
		return effectNone
	}
}

// kernelDefault is a signal's effect where no Go runtime has changed it: see
// signal(7).
func kernelDefault(sig syscall.Signal) effect {
	switch sig {
	case syscall.SIGCHLD, syscall.SIGCONT, syscall.SIGURG, syscall.SIGWINCH:
		return effectNone
	default:
		return effectKill
	}
}

// begin is for a Go program that begins. A restarted one is subscribed to what
// the former one has ignored, and to what every daemon listens for, as
// SubscribeEarly of package signals does.
func (e *effects) begin(restarted bool) {
	e.runtime = true
	if restarted {
		e.held = e.ignored | setOf(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2)
		e.alter(e.held, e.ignored)
	}
}

// alter notes that the program has listened for signals, or has ignored some.
// SIGINT keeps its default effect until it is ignored once.
func (e *effects) alter(listens, ignores signalSet) {
	e.altered |= listens&(terminalStops|setOf(syscall.SIGHUP)) | ignores&(terminalStops|setOf(syscall.SIGHUP, syscall.SIGINT))
}

// listen makes deliver receive sigs from now on. What was ignored for the time
// of a restart is not ignored any more.
func (e *effects) listen(sigs []os.Signal, deliver func(os.Signal)) {
	e.deliver, e.listens, e.ignored, e.held = deliver, setOf(sigs...)&^setOf(syscall.SIGPROF), 0, 0
	e.alter(e.listens, 0)
}

// quiesce ends listening.
func (e *effects) quiesce(ignore []os.Signal) {
	e.deliver, e.listens = nil, 0
	e.ignored |= setOf(ignore...)
	e.alter(0, e.ignored)
}

// exec is what exec(2) does: handlers are gone, what was ignored stays so.
func (e *effects) exec() { *e = effects{ignored: e.ignored, orphaned: e.orphaned} }
