package pidfile

import (
	"fmt"
	"net"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// peer asks the kernel who is at the other end of a socket: who has connected it,
// or listens there.
func peer(conn *net.UnixConn) (who peerProcess, err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return who, err
	}
	controlErr := raw.Control(func(fd uintptr) {
		var cred *unix.Ucred
		if cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			who = peerProcess{int(cred.Pid), true, cred.Uid}
		}
	})
	if controlErr != nil {
		return who, controlErr
	}
	return who, err
}

// maxName is how long a socket's name may be, in bytes: unix(7).
const maxName = 107

// withName calls do with a name of the socket at path. A path that is too long for
// one is reached through its folder's descriptor.
func withName(path string, do func(*net.UnixAddr) error) error {
	if len(path) > maxName {
		folder, err := os.OpenFile(filepath.Dir(path), unix.O_PATH|unix.O_DIRECTORY, 0)
		if err != nil {
			return err
		}
		defer folder.Close()
		path = fmt.Sprintf("/proc/self/fd/%d/%s", folder.Fd(), filepath.Base(path))
	}
	return do(&net.UnixAddr{Name: path, Net: "unix"})
}
