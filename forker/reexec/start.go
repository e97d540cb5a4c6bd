package reexec

import (
	"fmt"

	"github.com/evertick/evertick/forker/internal/process"
)

// StartOf returns what identifies process pid among all that have its number on
// this machine, in a form of the platform's own; exec leaves it as it is. It is
// empty where it cannot be told. os.ErrProcessDone says that there is no such
// process, or that it has ended and only waits to be reaped.
func StartOf(pid int) (start string, err error) {
	start, err = process.Start(pid)
	if err != nil {
		return "", fmt.Errorf("process %d: %w", pid, err)
	}
	return start, nil
}
