package coretest_test

import (
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/core/coretest"
)

func TestTheMachinesFilesConform(t *testing.T) {
	coretest.RunFiles(t, func(t *testing.T) coretest.Disk {
		return coretest.Disk{
			Files: core.RealHost().Files,
			Dir:   t.TempDir(),
			Read: func(path string) (string, error) {
				data, err := os.ReadFile(path)
				return string(data), err
			},
			Rename: os.Rename,
			Remove: os.Remove,
			Deny: func(path string) {
				if err := os.Mkdir(path, 0o755); err != nil {
					t.Fatal(err)
				}
			},
		}
	})
}

func TestSystemdConforms(t *testing.T) {
	coretest.RunSupervisor(t, func(t *testing.T, there bool) coretest.Watcher {
		t.Setenv("NOTIFY_SOCKET", "")
		t.Setenv("SYSTEMD_EXEC_PID", "")
		if !there {
			return coretest.Watcher{Supervisor: core.RealHost().Supervisor, Told: func() []string { return nil }}
		}
		path := filepath.Join(t.TempDir(), "notify")
		conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		t.Setenv("NOTIFY_SOCKET", path)
		return coretest.Watcher{Supervisor: core.RealHost().Supervisor, Told: func() []string { return received(t, conn) }}
	})
}

// received are the datagrams that have come so far.
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
