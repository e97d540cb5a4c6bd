// Package nobody runs parts of tests as an ordinary user, who may not do what
// root may.
package nobody

import (
	"os"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// ID is the user and group that parts of tests run as.
const ID = 65534

// Run runs test as somebody who is not root. Where we are root, it does so on a
// thread of its own with another effective user: the raw system call changes no
// other thread, and the thread ends with its goroutine.
func Run(t testing.TB, test func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		test()
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, ^uintptr(0), ID, ^uintptr(0)); errno != 0 {
			t.Errorf("setresuid: %v", errno)
			return
		}
		test()
	}()
	<-done
}
