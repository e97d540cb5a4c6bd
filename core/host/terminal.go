package host

import (
	"os"
	"syscall"
)

// hasTerminal reports whether this process has a controlling terminal. Once that was
// closed, /dev/tty is no device any more (ENXIO): tty(4).
func hasTerminal() bool {
	tty, err := os.OpenFile("/dev/tty", os.O_RDONLY|syscall.O_NOCTTY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return false
	}
	return tty.Close() == nil
}
