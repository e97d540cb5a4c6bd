package signals

import (
	"runtime"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// termAction sets SIGTERM to the kernel's own default action and back.
//
// What the Go runtime calls the default is a handler that ends the process.
// That is not enough before an exec, which kills all other threads: with a
// thread that has just entered the handler, the SIGTERM is lost. The kernel's
// own default ends the process at the moment at which the signal is sent.
type termAction struct {
	replaced bool
	former   sigaction
}

// sigaction is a struct sigaction of rt_sigaction(2), larger than that of any
// platform. It is only passed through, or all zero, which means SIG_DFL.
type sigaction [20]uint64

func (t *termAction) setDefault() {
	if !t.replaced {
		t.replaced = setTermAction(new(sigaction), &t.former)
	}
}

func (t *termAction) restore() {
	if t.replaced {
		t.replaced = !setTermAction(&t.former, nil)
	}
}

func setTermAction(action, former *sigaction) bool {
	sigsetSize := uintptr(8)
	if strings.HasPrefix(runtime.GOARCH, "mips") {
		sigsetSize = 16
	}
	_, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(syscall.SIGTERM),
		uintptr(unsafe.Pointer(action)), uintptr(unsafe.Pointer(former)), sigsetSize, 0, 0)
	return errno == 0
}
