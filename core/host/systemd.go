package host

import (
	"os"
	"strconv"

	"github.com/coreos/go-systemd/v22/daemon"
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

func (s systemd) Notify(state string) error {
	if state == daemon.SdNotifyReloading {
		state += "\n" + daemon.SdNotifyMonotonicUsec()
	}
	_, err := daemon.SdNotify(false, state)
	return err
}
