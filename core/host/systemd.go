package host

import (
	"errors"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sys/unix"
)

// systemd speaks sd_notify(3). It is detected by NOTIFY_SOCKET, or by
// SYSTEMD_EXEC_PID where the unit is of a type that wants no notification.
// INVOCATION_ID would not do: a terminal under a user's systemd hands it to
// everything that is started there.
type systemd struct{ detected bool }

var _ Supervisor = systemd{}

func newSystemd() systemd {
	return systemd{os.Getenv("NOTIFY_SOCKET") != "" ||
		os.Getenv("SYSTEMD_EXEC_PID") == strconv.Itoa(os.Getpid())}
}

func (s systemd) Detected() bool { return s.detected }

// Watchdog reads WATCHDOG_USEC and WATCHDOG_PID: sd_watchdog_enabled(3). What cannot
// be read counts as 0.
func (s systemd) Watchdog() time.Duration {
	limit, err := daemon.SdWatchdogEnabled(false)
	if err != nil || os.Getenv("NOTIFY_SOCKET") == "" {
		return 0
	}
	return limit
}

func (s systemd) Notify(state string) error {
	if state == daemon.SdNotifyReloading {
		state += "\n" + daemon.SdNotifyMonotonicUsec()
	}
	socket := os.Getenv("NOTIFY_SOCKET")
	if socket == "" {
		return nil
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		return err
	}
	timeout := notifyTimeout
	if strings.HasPrefix(state, "STATUS=") {
		timeout = 0
	}
	return errors.Join(send(conn, []byte(state), timeout), conn.Close())
}

// send sends a datagram, and waits for space for so long; not at all for 0. It is
// tried before a deadline is set: one that has passed already, because this process
// was stopped, would keep it from being tried at all.
func send(conn *net.UnixConn, state []byte, timeout time.Duration) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var refused error
	if err := raw.Control(func(fd uintptr) { _, refused = unix.Write(int(fd), state) }); err != nil || refused == nil || timeout == 0 {
		return errors.Join(err, refused)
	}
	//nolint:forbidigo // the kernel's socket knows no other clock
	if err := conn.SetWriteDeadline(time.Now().Add(timeout)); err != nil {
		return err
	}
	_, err = conn.Write(state)
	return err
}

// notifyTimeout bounds a notification: where the supervisor does not read, its
// socket fills up, and the daemon goes on.
const notifyTimeout = 100 * time.Millisecond
