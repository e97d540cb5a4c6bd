package forker_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/evertick/evertick/forker"
)

// A PID file belongs to one living process.
func ExampleMachine_ClaimPID() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "poller.pid")

	m := forker.System()
	file, err := m.ClaimPID(path)
	fmt.Println("claimed:", err == nil)

	_, err = m.ClaimPID(path)
	var claimed *forker.ClaimedError
	fmt.Println("claimed again:", err == nil, "because of ourselves:",
		errors.As(err, &claimed) && claimed.PID == m.PID())

	daemon, err := m.Find(path)
	fmt.Println("found ourselves:", err == nil && daemon.PID() == m.PID())

	fmt.Println("removed:", file.Remove() == nil)
	_, err = m.Find(path)
	fmt.Println("running:", !errors.Is(err, forker.ErrNotRunning))
	// Output:
	// claimed: true
	// claimed again: false because of ourselves: true
	// found ourselves: true
	// removed: true
	// running: false
}

// Signals that have arrived are delivered before Quiesce returns.
func ExampleMachine_Listen() {
	m := forker.System()
	heard := make(chan os.Signal, 8) // deliver must never wait for the caller of Quiesce
	m.Listen([]os.Signal{syscall.SIGHUP, syscall.SIGTERM}, func(sig os.Signal) { heard <- sig })
	if err := syscall.Kill(m.PID(), syscall.SIGTERM); err != nil {
		panic(err)
	}
	fmt.Println(<-heard)
	m.Quiesce(syscall.SIGHUP) // ready for Exec: a late SIGHUP is ignored
	// Output: terminated
}
