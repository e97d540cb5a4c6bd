package host_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/evertick/evertick/core/host"
	"github.com/evertick/evertick/core/host/hosttest"
)

func TestSystemdConforms(t *testing.T) {
	hosttest.Run(t, hosttest.Subject{New: func(t *testing.T, there bool) (host.Supervisor, func() []string) {
		t.Setenv("NOTIFY_SOCKET", "")
		t.Setenv("SYSTEMD_EXEC_PID", "")
		if !there {
			return host.Real().Supervisor, func() []string { return nil }
		}
		path := filepath.Join(t.TempDir(), "notify")
		conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		t.Setenv("NOTIFY_SOCKET", path)
		return host.Real().Supervisor, func() []string { return received(t, conn) }
	}})
}

// received returns the datagrams that have come, without waiting: each of them is
// in the socket before Notify returns.
func received(t *testing.T, conn *net.UnixConn) (told []string) {
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 4096)
	for {
		n := 0
		var readErr error
		if err := raw.Control(func(fd uintptr) { n, readErr = syscall.Read(int(fd), buf) }); err != nil {
			t.Fatal(err)
		}
		if readErr != nil {
			if !errors.Is(readErr, syscall.EAGAIN) {
				t.Fatal(readErr)
			}
			return told
		}
		told = append(told, string(buf[:n]))
	}
}

// A supervisor that does not read holds nobody up: what its socket does not take
// is an error. What it has taken is there when it reads again.
func TestASupervisorThatDoesNotReadIsNotWaitedFor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	t.Setenv("NOTIFY_SOCKET", path)
	taken := 0
	for err == nil && taken < 10_000 { // unix(7) bounds how many datagrams wait
		if err = host.Real().Supervisor.Notify("WATCHDOG=1"); err == nil {
			taken++
		}
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("after %d notifications that nobody reads: want a time-out, got %v", taken, err)
	}
	if err := host.Real().Supervisor.Notify("STATUS=busy"); !errors.Is(err, syscall.EAGAIN) {
		t.Errorf("a status is waited with: %v", err)
	}
	if told := received(t, conn); len(told) != taken {
		t.Errorf("%d notifications were taken, and %d have come", taken, len(told))
	}
	if err := host.Real().Supervisor.Notify("READY=1"); err != nil {
		t.Errorf("when it reads again: %v", err)
	}
}

// The watchdog is for the process that the supervisor means.
func TestTheWatchdogOfTheEnvironment(t *testing.T) {
	self, other := strconv.Itoa(os.Getpid()), strconv.Itoa(os.Getppid())
	for _, c := range []struct {
		socket, usec, pid string
		want              time.Duration
	}{
		{"/run/notify", "30000000", self, 30 * time.Second},
		{"/run/notify", "30000000", "", 30 * time.Second},
		{"/run/notify", "30000000", other, 0},
		{"/run/notify", "", self, 0},
		{"/run/notify", "0", self, 0},
		{"/run/notify", "-5", self, 0},
		{"/run/notify", "soon", self, 0},
		{"", "30000000", self, 0},
	} {
		t.Setenv("NOTIFY_SOCKET", c.socket)
		t.Setenv("WATCHDOG_USEC", c.usec)
		t.Setenv("WATCHDOG_PID", c.pid)
		if got := host.Real().Supervisor.Watchdog(); got != c.want {
			t.Errorf("%+v: got %s", c, got)
		}
	}
}
