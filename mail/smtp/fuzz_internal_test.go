package smtp

import (
	"bytes"
	netmail "net/mail"
	"strings"
	"testing"
	"time"

	"github.com/evertick/evertick/mail"
)

// No message forges a header, or ends the header before its time: what is sent has
// each header once, and the recipients are those of the message.
func FuzzMessage(f *testing.F) {
	f.Add("poller Alert\r\nBcc: mallory@example.com", "body", "a.1@host", "b.1@host")
	f.Add("\u2028\u202e\x00", ".\r\n.\r\n", "a@b\r\nX: y", " <a@b>\n\nbody")
	f.Add(strings.Repeat("ü", 500), "\r\r\n", "", "")
	f.Fuzz(func(t *testing.T, subject, body, id, reference string) {
		m := mail.Message{Subject: subject, Body: body, ID: id, References: []string{reference}, Time: time.Unix(1_800_000_000, 0)}
		data, err := render(m.Clean(), &netmail.Address{Address: "poller@example.com"}, []string{"ops@example.com"})
		if err != nil {
			return
		}
		read, err := netmail.ReadMessage(bytes.NewReader(data))
		if err != nil {
			t.Fatalf("%v: %q", err, data)
		}
		for name, values := range read.Header {
			switch name {
			case "To", "From", "Subject", "Date", "Message-Id", "Mime-Version", "Auto-Submitted", "Content-Type", "Content-Transfer-Encoding", "In-Reply-To", "References":
			default:
				t.Fatalf("header %s: %q", name, data)
			}
			if len(values) != 1 {
				t.Fatalf("%d headers %s: %q", len(values), name, data)
			}
		}
		if to := read.Header.Get("To"); to != "<ops@example.com>" {
			t.Fatalf("to %s", to)
		}
		for line := range strings.Lines(string(data)) {
			if strings.ContainsAny(strings.TrimSuffix(line, "\r\n"), "\r\n\x00") || len(line) > 1000 {
				t.Fatalf("line %q", line)
			}
		}
	})
}
