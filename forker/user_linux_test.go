package forker_test

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/evertick/evertick/forker"
)

// asOrdinary runs test as somebody who may not write everywhere: where we are
// root, on a thread of its own with another effective user, which ends with its
// goroutine.
func asOrdinary(t *testing.T, test func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		test()
		return
	}
	const nobody = 65534
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, ^uintptr(0), nobody, ^uintptr(0)); errno != 0 {
			t.Errorf("setresuid: %v", errno)
			return
		}
		test()
	}()
	<-done
}

func TestAFolderThatMayNotBeWritten(t *testing.T) {
	dir, err := os.MkdirTemp("/tmp", "forker")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	require.NoError(t, os.Chmod(dir, 0o555))
	path := filepath.Join(dir, "d.pid")
	var claim, check error
	asOrdinary(t, func() {
		_, claim = forker.System().ClaimPID(path)
		check = forker.System().CheckPID(path)
	})
	require.ErrorContains(t, claim, "permission denied: let user")
	require.ErrorContains(t, check, "permission denied: let user")
}
