package core

// A state is where a daemon stands in its life. One goroutine moves it, by the
// table in lifecycle.go.
type state int

const (
	// stateChecking: the command line is parsed; the environment is being checked
	// and then the lock asked for. Nothing has been touched.
	stateChecking state = iota

	// stateStandby: another process holds the lock, and the daemon waits for it.
	stateStandby

	// stateSettingUp: the lock is ours; log, PID file, plugins and the daemon's
	// own Setup are on their way.
	stateSettingUp

	// stateSleeping: waiting for the next tick.
	stateSleeping

	// stateExecuting: an iteration is running.
	stateExecuting

	// stateDraining: the daemon ends or restarts as soon as what runs has returned.
	stateDraining

	// stateRestarting: a fatal error lies behind; the daemon backs off, then tries
	// the program that is to follow.
	stateRestarting

	// stateTearingDown: teardown runs; the end or the next program comes after it.
	stateTearingDown

	// stateEnded: nothing follows.
	stateEnded

	numStates
)

// String returns the state's name as it stands in logs and pictures.
func (s state) String() string {
	return stateNames[s]
}

var stateNames = [numStates]string{
	"checking", "standby", "setting up", "sleeping", "executing",
	"draining", "restarting", "tearing down", "ended",
}
