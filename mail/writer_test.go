package mail_test

import (
	"errors"
	"net/textproto"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/evertick/evertick/internal/leaktest"
	"github.com/evertick/evertick/mail"
	"github.com/evertick/evertick/mail/mailtest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// alert is a message for the tests that are not about messages.
var alert = mail.Message{To: []string{"ops@example.com"}, Subject: "poller Alert", Body: "slow"}

func TestWriterKeepsThePromises(t *testing.T) {
	mailtest.Run(t, mailtest.Subject{
		New: func(*testing.T) (mail.Sender, func() []mail.Message) {
			var p paper
			return mail.Writer(&p), p.read
		},
		In: synctest.Test,
	})
}

// paper is what a Printer printed, read back: one mail a Write.
type paper struct {
	mu    sync.Mutex
	mails []mail.Message
}

func (p *paper) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, printed, _ := strings.Cut(string(b), "\n")
	header, body, _ := strings.Cut(printed, "\n\n")
	m := mail.Message{Body: body}
	for line := range strings.Lines(header) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch key {
		case "From":
			m.From = value
		case "To":
			m.To = strings.Split(value, ", ")
		case "Subject":
			m.Subject = value
		case "Date":
			m.Time, _ = time.Parse(time.RFC1123Z, value)
		}
	}
	p.mails = append(p.mails, m)
	return len(b), nil
}

func (p *paper) read() []mail.Message {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mails
}

func TestWriterTellsItsWritersError(t *testing.T) {
	full := errors.New("no space left on device")
	err := mail.Writer(broken{full}).Send(t.Context(), alert)
	if !errors.Is(err, full) || !mail.Temporary(err) {
		t.Errorf("Send = %v", err)
	}
	if err := mail.Writer(nil).Send(t.Context(), alert); err == nil || mail.Temporary(err) {
		t.Errorf("without a writer: Send = %v", err)
	}
}

type broken struct{ err error }

func (b broken) Write([]byte) (int, error) { return 0, b.err }

func TestTemporary(t *testing.T) {
	reply := func(code int) error { return &textproto.Error{Code: code, Msg: "no"} }
	refused := func(errs ...error) error {
		e := new(mail.RefusedError)
		for _, err := range errs {
			e.Refusals = append(e.Refusals, mail.Refusal{To: "ops@example.com", Err: err})
		}
		return e
	}
	for _, c := range []struct {
		name string
		err  error
		want bool
	}{
		{"no error", nil, false},
		{"an error that nobody knows", errors.New("odd"), true},
		{"4xx", reply(421), true},
		{"5xx", reply(550), false},
		{"all recipients for good", refused(reply(550), reply(551)), false},
		{"one recipient for now", refused(reply(550), reply(450)), true},
	} {
		if got := mail.Temporary(c.err); got != c.want {
			t.Errorf("%s: Temporary = %v", c.name, got)
		}
	}
	if text := refused(reply(550), reply(450)).Error(); strings.Count(text, "ops@example.com") != 2 {
		t.Errorf("Error = %q", text)
	}
}

// The writer takes for an address what looks like one.
func TestWriterLooksAtAddresses(t *testing.T) {
	for address, want := range map[string]bool{
		"ops@example.com":                   true,
		"Ops Team <ops@example.com>":        true,
		`"john doe"@example.com`:            true,
		`John <"john doe"@example.com>`:     true,
		"o'neil+tag@example.com":            true,
		"ops at example.com":                false,
		"a@b@c":                             false,
		"ops@exam ple.com":                  false,
		"<ops@example.com":                  false,
		"ops@example.com>":                  false,
		"ops@example.com\nBcc: x@y.example": false,
	} {
		var out strings.Builder
		err := mail.Writer(&out).Send(t.Context(), mail.Message{To: []string{address}})
		if (err == nil) != want {
			t.Errorf("%q: %v", address, err)
		}
	}
}

func TestWriterPrintsEachAddressOnce(t *testing.T) {
	var out strings.Builder
	to := []string{"Ops Team <ops@example.com>", "night@example.com", "ops@example.com"}
	if err := mail.Writer(&out).Send(t.Context(), mail.Message{To: to}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "To: ops@example.com, night@example.com\n") {
		t.Errorf("printed %q", out.String())
	}
}
