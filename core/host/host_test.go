package host_test

import (
	"net"
	"path/filepath"
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

// received returns the datagrams that have come: each of them is in the socket
// before Notify returns.
func received(t *testing.T, conn *net.UnixConn) (told []string) {
	if err := conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 4096)
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return told
		}
		told = append(told, string(buf[:n]))
	}
}
