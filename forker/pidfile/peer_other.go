//go:build !linux

package pidfile

import (
	"net"

	"golang.org/x/sys/unix"
)

// solLocal is the level of LOCAL_PEERCRED, SOL_LOCAL: unix(4).
const solLocal = 0

// peer asks the kernel which user is at the other end of a socket.
func peer(conn *net.UnixConn) (who peerProcess, err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return who, err
	}
	controlErr := raw.Control(func(fd uintptr) {
		var cred *unix.Xucred
		if cred, err = unix.GetsockoptXucred(int(fd), solLocal, unix.LOCAL_PEERCRED); err == nil {
			who = peerProcess{user: cred.Uid}
		}
	})
	if controlErr != nil {
		return who, controlErr
	}
	return who, err
}

// withName calls do with a name of the socket at path, which may have some 100
// bytes here.
func withName(path string, do func(*net.UnixAddr) error) error {
	return do(&net.UnixAddr{Name: path, Net: "unix"})
}
