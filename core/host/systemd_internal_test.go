package host

import (
	"net"
	"path/filepath"
	"testing"
	"time"
)

// A notification is sent although its time is over before it is tried, as after
// SIGSTOP and SIGCONT.
func TestANotificationIsSentHoweverLate(t *testing.T) {
	address := &net.UnixAddr{Name: filepath.Join(t.TempDir(), "notify"), Net: "unixgram"}
	supervisor, err := net.ListenUnixgram("unixgram", address)
	if err != nil {
		t.Fatal(err)
	}
	defer supervisor.Close()
	conn, err := net.DialUnix("unixgram", nil, address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := send(conn, []byte("READY=1"), -time.Second); err != nil {
		t.Error(err)
	}
	buf := make([]byte, 100)
	if n, err := supervisor.Read(buf); err != nil || string(buf[:n]) != "READY=1" {
		t.Errorf("received %q, %v", buf[:n], err)
	}
}
