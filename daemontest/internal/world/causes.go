package world

import "strings"

// cause is why a goroutine stops the clock of its bubble, and what to do about
// it, in a sentence for the report.
type cause string

// remedy is what to write in place of a real connection.
const remedy = "Serve what the daemon asks for within the test, with\n" +
	"\tnet := &daemontest.Network{}; net.Handle(\"api.example.com\", handler) // and Scenario{Network: net}\n" +
	"\tclient := net.Client()                                             // for the daemon, in place of its own\n" +
	"and another protocol than HTTP with net.HandleConn, or over net.Pipe."

const (
	socket cause = "A goroutine waits for a real network connection, and until it is served the bubble's clock stands still. " + remedy

	child cause = "A goroutine runs a real child process, and until that ends the bubble's clock stands still. " +
		"Make it a task of package forker, which a scenario plays, or call it through a function or an interface that the test replaces."

	mutex cause = "A goroutine waits for a mutex, and while it does the bubble's clock stands still: so a holder that sleeps never wakes. " +
		"If the holder is in the bubble, it is one of the other goroutines below. " +
		"Hold no mutex over what blocks: a channel of one slot is a lock that bubbles understand."

	outside cause = "A goroutine waits for a channel, timer, ticker, wait group or client that was made outside of the bubble, such as one of package level, " +
		"and while it does the bubble's clock stands still. Make it in New or in Setup."

	system cause = "A goroutine waits for a file, a pipe or a system call, and while it does the bubble's clock stands still. " +
		"Call it through a function or an interface that the test replaces."

	computes cause = "A goroutine computes for ever, or for longer than -daemontest.watchdog allows, and while it does the bubble's clock stands still."

	crawls cause = "The bubble's clock moves, but by such small steps that the scenario does not get on: does a goroutine sleep for next to no time, again and again?"
)

// causeOf returns why a goroutine that stays where it is stops the clock.
func causeOf(g goroutine) cause {
	waits := g.state == "IO wait" || g.state == "syscall"
	switch {
	case g.calls("os/exec.", "os.(*Process).", "os.StartProcess", "syscall.StartProcess", "syscall.Wait4"):
		return child
	case waits && g.calls("net."):
		return socket
	case waits:
		return system
	case strings.HasPrefix(g.state, "sync.Mutex."), strings.HasPrefix(g.state, "sync.RWMutex."):
		return mutex
	case strings.HasPrefix(g.state, "chan "), g.state == "select", strings.HasPrefix(g.state, "sync.WaitGroup."):
		return outside
	}
	return computes
}
