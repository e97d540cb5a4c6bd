package mailtest_test

import (
	"errors"
	"io"
	"net"
	"net/textproto"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/evertick/evertick/mail/mailtest"
)

// talk says each line to the server and returns the codes of its replies, the
// greeting's first; 0 stands for a connection that was hung up.
func talk(t *testing.T, server *mailtest.Server, lines ...string) []int {
	t.Helper()
	conn, err := net.Dial("tcp", server.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	wire := textproto.NewConn(conn)
	var codes []int
	for n := -1; n < len(lines); n++ {
		if n >= 0 {
			_ = wire.PrintfLine("%s", lines[n]) // a dead wire shows in the reply
		}
		code, _, err := wire.ReadResponse(0)
		if err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
				t.Fatal(err)
			}
			return append(codes, 0)
		}
		codes = append(codes, code)
	}
	return codes
}

// The promises of smtp.Server are tested against this server: it had better do
// what it is told.
func TestServerBehaves(t *testing.T) {
	recipient := []string{"HELO client", "MAIL FROM:<a@example.com>", "RCPT TO:<b@example.com>"}
	whole := append(slices.Clone(recipient), "DATA", "Subject: s\r\n\r\nbody\r\n.", "NOOP")
	for _, c := range []struct {
		name      string
		behaviour mailtest.Behaviour
		lines     []string
		want      []int
		received  int
	}{
		{"well", mailtest.Behaviour{}, whole, []int{220, 250, 250, 250, 354, 250, 250}, 1},
		{"slowly", mailtest.Behaviour{Delay: 5 * time.Millisecond}, whole, []int{220, 250, 250, 250, 354, 250, 250}, 1},
		{"refuses the mail", mailtest.Behaviour{Code: 451}, whole, []int{220, 250, 250, 250, 354, 451, 250}, 0},
		{
			"refuses a recipient",
			mailtest.Behaviour{Recipients: map[string]int{"b@example.com": 550}},
			recipient,
			[]int{220, 250, 250, 550},
			0,
		},
		{"hangs up at once", mailtest.Behaviour{Drop: mailtest.OnConnect}, whole, []int{0}, 0},
		{
			"hangs up before its reply",
			mailtest.Behaviour{Drop: mailtest.BeforeReply},
			whole,
			[]int{220, 250, 250, 250, 354, 0},
			0,
		},
		{
			"hangs up after its reply",
			mailtest.Behaviour{Drop: mailtest.AfterReply},
			whole,
			[]int{220, 250, 250, 250, 354, 250, 0},
			1,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := mailtest.Serve(t, mailtest.Config{})
			server.Behave(c.behaviour)
			if codes := talk(t, server, c.lines...); !slices.Equal(codes, c.want) {
				t.Errorf("replies %v, want %v", codes, c.want)
			}
			if got := len(server.Received()); got != c.received || server.Connections() != 1 {
				t.Errorf("%d mails over %d connections, want %d over 1", got, server.Connections(), c.received)
			}
		})
	}
}
