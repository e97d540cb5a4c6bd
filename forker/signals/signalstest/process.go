package signalstest

import (
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Process is a process of its own, which is told what to do, and to which
// signals are sent from outside.
type Process interface {
	// Listen and Quiesce call those of the process's Listener. What that
	// delivers is kept for Received.
	Listen(sigs ...os.Signal)
	Quiesce(ignore ...os.Signal)

	// Exec executes a program that leaves signals as it finds them: it is the
	// time between two programs, made longer. Restart executes a Go program
	// that calls SubscribeEarly with what the present one has ignored, as a
	// restarted daemon does. Both return when that runs.
	Exec()
	Restart()

	// Signal sends a signal. It returns when the process has noticed it, or
	// will not for the present because it is stopped. To a process that has
	// ended it is an os.ErrProcessDone.
	Signal(sig os.Signal) error

	// Received returns what has been delivered and not returned before. It may
	// come some time after Signal has returned.
	Received() []os.Signal

	// State returns what has become of the process: running, stopped, "killed
	// by SIGTERM" or "exit status 2". It may lag behind.
	State() string

	// Stderr returns what the process has written to standard error.
	Stderr() string
}

const (
	running = "running"
	stopped = "stopped"
)

// starter is Subject.Start.
type starter func(t *testing.T, leadsSession bool) Process

// cases are what is promised of a process.
var cases = []struct {
	name string
	test func(t *testing.T, start starter)
}{
	{"the effects on a program that listens", column("listens", func(p Process) { p.Listen(catchable()...) })},
	{"the effects on a program that has asked for nothing", column("idle", func(Process) {})},
	{"the effects on a program that ignores", column("ignores", func(p Process) { p.Quiesce(catchable()...) })},
	{"the effects on a stopped program", column("stopped", func(p Process) { p.Listen(catchable()...) })},
	{"the effects during an exec", column("exec", func(p Process) { p.Exec() })},
	{"the effects during an exec after Quiesce", column("exec,ignored", func(p Process) {
		p.Quiesce(catchable()...)
		p.Exec()
	})},
	{"what waits for a stopped process is merged", waitingAreMerged},
	{"SIGCONT takes back a stop that waits", contTakesBackStops},
	{"a terminal does not stop the leader of a session", leaderIsNotStopped},
	{"the default effects after Listen", defaultsAfterListen},
	{"the default effects after having been ignored", defaultsAfterIgnore},
	{"what comes before a restarted program listens waits", restartedWaits},
	{"what a restarted program does not listen for has its default effect", restartedDefaults},
	{"a process that has ended", ended},
}

// become waits until p is in a state.
func become(t *testing.T, p Process, state string) {
	t.Helper()
	for end := time.Now().Add(guard); p.State() != state && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	require.Equal(t, state, p.State())
}

// send sends signals that the process survives.
func send(t *testing.T, p Process, sigs ...os.Signal) {
	t.Helper()
	for _, sig := range sigs {
		require.NoError(t, p.Signal(sig))
	}
}

// receive waits until all of sigs have been delivered, and returns all that
// have. SIGURG, which the Go runtime sends to itself at any time, counts once where
// it is asked for, and else not at all.
func receive(t *testing.T, p Process, sigs ...os.Signal) (all []os.Signal) {
	t.Helper()
	missing := func(sig os.Signal) bool { return !slices.Contains(all, sig) }
	for end := time.Now().Add(guard); time.Now().Before(end); time.Sleep(time.Millisecond) {
		for _, sig := range p.Received() {
			if sig != syscall.SIGURG || slices.Contains(sigs, sig) && missing(sig) {
				all = append(all, sig)
			}
		}
		if !slices.ContainsFunc(sigs, missing) {
			return all
		}
	}
	require.Subset(t, all, sigs, "the process is %s", p.State())
	return nil
}

func waitingAreMerged(t *testing.T, start starter) {
	p := start(t, false)
	p.Listen(syscall.SIGHUP, syscall.SIGTERM, syscall.SIGCONT, syscall.SIGUSR1)
	send(t, p, syscall.SIGSTOP)
	become(t, p, stopped)
	send(t, p, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGTERM, syscall.SIGCONT)
	got := receive(t, p, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGCONT)
	send(t, p, syscall.SIGUSR1)
	got = append(got, receive(t, p, syscall.SIGUSR1)...)
	require.ElementsMatch(t, []os.Signal{syscall.SIGTERM, syscall.SIGHUP, syscall.SIGCONT, syscall.SIGUSR1}, got)
}

func contTakesBackStops(t *testing.T, start starter) {
	p := start(t, false)
	p.Listen(syscall.SIGTTIN, syscall.SIGCONT)
	send(t, p, syscall.SIGSTOP)
	become(t, p, stopped)
	send(t, p, syscall.SIGTSTP, syscall.SIGTTIN, syscall.SIGSTOP, syscall.SIGCONT)
	require.Equal(t, []os.Signal{syscall.SIGCONT}, receive(t, p, syscall.SIGCONT))
	send(t, p, syscall.SIGCONT)
	require.Equal(t, []os.Signal{syscall.SIGCONT}, receive(t, p, syscall.SIGCONT))
	become(t, p, running)
}

func leaderIsNotStopped(t *testing.T, start starter) {
	for _, exec := range []bool{false, true} {
		p := start(t, true)
		if exec {
			p.Exec()
		}
		send(t, p, syscall.SIGTSTP, syscall.SIGTTIN, syscall.SIGTTOU)
		require.Equal(t, running, p.State())
		send(t, p, syscall.SIGSTOP)
		become(t, p, stopped)
	}
}

// ends starts a process, prepares it and expects each of the signals to have the
// effect.
func ends(t *testing.T, start starter, prepare func(p Process), effects map[os.Signal]string) {
	t.Helper()
	for sig, state := range effects {
		p := start(t, false)
		prepare(p)
		send(t, p, sig)
		become(t, p, state)
	}
}

// What the Go runtime can no longer give its default effect, package signals
// imitates; the terminal's stops stay without one.
func defaultsAfterListen(t *testing.T, start starter) {
	ends(t, start, func(p Process) {
		p.Listen(syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGTSTP)
		p.Quiesce()
	}, map[os.Signal]string{
		syscall.SIGHUP: "exit status 129", syscall.SIGINT: "killed by SIGINT", syscall.SIGTERM: "killed by SIGTERM",
		syscall.SIGQUIT: "exit status 2", syscall.SIGUSR1: running, syscall.SIGTSTP: running, syscall.SIGTTIN: stopped,
	})
}

func defaultsAfterIgnore(t *testing.T, start starter) {
	ends(t, start, func(p Process) {
		p.Quiesce(syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGTSTP)
		p.Listen(syscall.SIGUSR2)
	}, map[os.Signal]string{
		syscall.SIGHUP: "exit status 129", syscall.SIGINT: "exit status 130", syscall.SIGTERM: "killed by SIGTERM",
		syscall.SIGQUIT: "exit status 2", syscall.SIGUSR1: running, syscall.SIGTSTP: running, syscall.SIGTTIN: stopped,
	})
}

func restartedWaits(t *testing.T, start starter) {
	p := start(t, false)
	all := []os.Signal{
		syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGALRM, syscall.SIGTSTP,
	}
	p.Quiesce(syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGALRM, syscall.SIGTSTP)
	p.Restart()
	send(t, p, all...)
	require.Empty(t, p.Received())
	p.Listen(all...)
	require.ElementsMatch(t, all, receive(t, p, all...))
	become(t, p, running)
}

func restartedDefaults(t *testing.T, start starter) {
	for sig, state := range map[os.Signal]string{
		syscall.SIGHUP: "exit status 129", syscall.SIGINT: "exit status 130", syscall.SIGTERM: "killed by SIGTERM",
		syscall.SIGUSR2: running, syscall.SIGABRT: "exit status 2",
	} {
		p := start(t, false)
		p.Quiesce(syscall.SIGINT, syscall.SIGABRT)
		p.Restart()
		send(t, p, sig)
		require.Equal(t, running, p.State())
		p.Listen(syscall.SIGCONT)
		become(t, p, state)
		if state != running {
			continue
		}
		send(t, p, syscall.SIGCONT)
		require.Equal(t, []os.Signal{syscall.SIGCONT}, receive(t, p, syscall.SIGCONT))
	}
}

func ended(t *testing.T, start starter) {
	p := start(t, false)
	send(t, p, syscall.SIGTERM)
	become(t, p, "killed by SIGTERM")
	for _, sig := range []os.Signal{syscall.SIGTERM, syscall.SIGCONT, syscall.SIGKILL} {
		require.ErrorIs(t, p.Signal(sig), os.ErrProcessDone)
	}
	require.True(t, strings.HasPrefix(p.State(), "killed"))
}
