package signals_test

import (
	"fmt"
	"os"
	"syscall"

	"github.com/evertick/evertick/forker/signals"
)

// Signals that have arrived are delivered before Quiesce returns.
func ExampleSystem() {
	listener := signals.System()
	received := make(chan os.Signal, 8) // deliver must never wait for the caller of Quiesce
	listener.Listen([]os.Signal{syscall.SIGHUP, syscall.SIGTERM}, func(sig os.Signal) { received <- sig })
	if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
		panic(err)
	}
	fmt.Println(signals.Name(<-received))
	listener.Quiesce(syscall.SIGHUP) // ready for an exec: a late SIGHUP is ignored
	// Output: SIGTERM
}
