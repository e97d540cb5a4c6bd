package forker

import (
	"fmt"
	"syscall"

	"github.com/evertick/evertick/forker/signals"
)

// Exit is how a process ended.
type Exit struct {
	// Code is its exit status; -1 where a signal ended it.
	Code int

	// Signal is the signal that ended it; 0 where none did.
	Signal syscall.Signal
}

// String returns "exit status 3" or "killed by SIGKILL".
func (e Exit) String() string {
	if e.Signal != 0 {
		return "killed by " + signals.Name(e.Signal)
	}
	return fmt.Sprintf("exit status %d", e.Code)
}
