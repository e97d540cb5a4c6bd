package mailtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/mail"
)

// guard bounds each delivery of the suite.
const guard = time.Minute

// Subject is the sender to be tested.
type Subject struct {
	// New returns a healthy sender, and a function that returns the mails that
	// have arrived since, in the order of their arrival.
	New func(t *testing.T) (sender mail.Sender, received func() []mail.Message)

	// In runs each case, as synctest.Test does for a sender that belongs into
	// a bubble. Nil runs it as it is.
	In func(t *testing.T, test func(t *testing.T))
}

// Run tests the subject, each promise of mail.Sender in a subtest of its own.
func Run(t *testing.T, s Subject) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, s sender)
	}{
		{"a healthy sender passes its check", checks},
		{"its name is one line", nameIsOneLine},
		{"mails arrive as they are and in order", arrives},
		{"text of all kinds arrives", anyText},
		{"a forged header stays in its line", noForgedHeader},
		{"a message without recipients is refused for good", nobodyToSendTo},
		{"an address that is none is refused for good", noAddress},
		{"a bad address does not keep the mail from the good ones", oneBadAddress},
		{"a context that is over sends nothing", contextIsOver},
		{"the message stays the caller's", messageIsNotKept},
		{"many may send at once", manyAtOnce},
	} {
		t.Run(c.name, func(t *testing.T) {
			test := func(t *testing.T) {
				one, received := s.New(t)
				c.test(t, sender{Sender: one, received: received})
			}
			if s.In == nil {
				test(t)
				return
			}
			s.In(t, test)
		})
	}
}

// sender is the one under test.
type sender struct {
	mail.Sender
	received func() []mail.Message
}

// sample is a message with all its fields.
func sample() mail.Message {
	return mail.Message{
		From:    "poller@example.com",
		To:      []string{"ops@example.com", "night@example.com"},
		Subject: "poller Alert",
		Body:    "the API is slow\n",
		Time:    time.Date(2026, time.November, 23, 8, 12, 44, 0, time.UTC),
	}
}

func (s sender) send(t *testing.T, m mail.Message) error {
	t.Helper()
	ctx, cancel := clockwork.WithTimeout(t.Context(), clockwork.Real(), guard)
	defer cancel()
	return s.Send(ctx, m)
}

func (s sender) mustSend(t *testing.T, m mail.Message) {
	t.Helper()
	if err := s.send(t, m); err != nil {
		t.Fatalf("Send = %v", err)
	}
}

// only returns the one mail that has arrived.
func (s sender) only(t *testing.T) mail.Message {
	t.Helper()
	got := s.received()
	if len(got) != 1 {
		t.Fatalf("%d mails arrived, want 1: %+v", len(got), got)
	}
	return got[0]
}

// nothing fails when a mail has arrived.
func (s sender) nothing(t *testing.T) {
	t.Helper()
	if got := s.received(); len(got) > 0 {
		t.Errorf("%d mails arrived, want none: %+v", len(got), got)
	}
}

// same compares two messages as people would.
func same(t *testing.T, got, want mail.Message) {
	t.Helper()
	body := func(s string) string { return strings.TrimRight(s, "\n") }
	if got.From != want.From || !slices.Equal(got.To, want.To) || got.Subject != want.Subject ||
		body(got.Body) != body(want.Body) || !got.Time.Equal(want.Time) {
		t.Errorf("arrived %+v\n   want %+v", got, want)
	}
}

func checks(t *testing.T, s sender) {
	if err := s.Check(); err != nil {
		t.Errorf("Check = %v", err)
	}
	s.nothing(t)
}

func nameIsOneLine(t *testing.T, s sender) {
	if name := s.String(); name == "" || strings.ContainsAny(name, "\r\n") {
		t.Errorf("String = %q", name)
	}
}

func arrives(t *testing.T, s sender) {
	const mails = 3
	for n := range mails {
		m := sample()
		m.Subject = fmt.Sprintf("poller Alert %d", n)
		s.mustSend(t, m)
	}
	got := s.received()
	if len(got) != mails {
		t.Fatalf("%d mails arrived, want %d", len(got), mails)
	}
	for n, m := range got {
		want := sample()
		want.Subject = fmt.Sprintf("poller Alert %d", n)
		same(t, m, want)
	}
}

func anyText(t *testing.T, s sender) {
	for _, c := range []struct{ name, body, want string }{
		{"empty", "", ""},
		{"unicode", "größer als 90 %: 東京 🚀", "größer als 90 %: 東京 🚀"},
		{"a long line", strings.Repeat("x", 5000), strings.Repeat("x", 5000)},
		{"lines of dots", "before\n.\n..\n.after", "before\n.\n..\n.after"},
		{"like a header", "Bcc: mallory@example.com\n\n=3D", "Bcc: mallory@example.com\n\n=3D"},
		{"line ends of all kinds", "a\r\nb\rc\n\nd", "a\nb\nc\n\nd"},
		{"control characters", "bell\a escape\x1b[2J nul\x00 tab\t.", "bell  escape [2J nul  tab\t."},
		{"no UTF-8", "half \xe2\x82", "half \uFFFD"},
	} {
		before := len(s.received())
		m := sample()
		m.Subject, m.Body = "größer 🚀", c.body
		if err := s.send(t, m); err != nil {
			t.Errorf("%s: Send = %v", c.name, err)
			continue
		}
		got := s.received()
		if len(got) != before+1 {
			t.Errorf("%s: %d mails arrived, want 1", c.name, len(got)-before)
			continue
		}
		m.Body = c.want
		same(t, got[before], m)
	}
}

func noForgedHeader(t *testing.T, s sender) {
	m := sample()
	m.Subject = "Alert\r\nBcc: mallory@example.com\r\n\r\nforged body\x00" + strings.Repeat(" long", 500)
	s.mustSend(t, m)
	got := s.only(t)
	if strings.ContainsAny(got.Subject, "\r\n\x00") {
		t.Errorf("the subject has more than a line: %q", got.Subject)
	}
	if !strings.HasPrefix(got.Subject, "Alert") || len([]rune(got.Subject)) > 200 {
		t.Errorf("the subject is not the beginning of what was sent: %q", got.Subject)
	}
	m.Subject = got.Subject
	same(t, got, m)
}

func nobodyToSendTo(t *testing.T, s sender) {
	m := sample()
	m.To = nil
	if err := s.send(t, m); err == nil || mail.Temporary(err) {
		t.Errorf("Send = %v, temporary %v; want a lasting error", err, mail.Temporary(err))
	}
	s.nothing(t)
}

func noAddress(t *testing.T, s sender) {
	for _, address := range []string{
		"", "ops", "ops@", "@example.com", "ops@example.com\r\nRCPT TO:<mallory@example.com>", "a@b, c@d",
	} {
		m := sample()
		m.To = []string{address}
		if err := s.send(t, m); err == nil || mail.Temporary(err) {
			t.Errorf("Send to %q = %v, temporary %v; want a lasting error", address, err, mail.Temporary(err))
		}
	}
	s.nothing(t)
}

func oneBadAddress(t *testing.T, s sender) {
	m := sample()
	m.To = []string{"ops@example.com", "ops at example.com", "night@example.com"}
	err := s.send(t, m)
	var refused *mail.RefusedError
	if !errors.As(err, &refused) || len(refused.Refusals) != 1 || refused.Refusals[0].To != m.To[1] {
		t.Errorf("Send = %v, want a RefusedError for %q", err, m.To[1])
	}
	same(t, s.only(t), sample())
}

func contextIsOver(t *testing.T, s sender) {
	reason := errors.New("shutting down")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(reason)
	err := s.Send(ctx, sample())
	if !errors.Is(err, reason) && !errors.Is(err, context.Canceled) {
		t.Errorf("Send = %v, want the context's cause", err)
	}
	if err != nil && !mail.Temporary(err) {
		t.Errorf("%v does not count as temporary", err)
	}
	s.nothing(t)
}

func messageIsNotKept(t *testing.T, s sender) {
	m := sample()
	s.mustSend(t, m)
	same(t, m, sample())
	m.To[0] = "somebody.else@example.com"
	same(t, s.only(t), sample())
}

func manyAtOnce(t *testing.T, s sender) {
	const senders, mails = 8, 5
	var all sync.WaitGroup
	for sender := range senders {
		all.Go(func() {
			for n := range mails {
				m := sample()
				m.Subject = fmt.Sprintf("%d/%d", sender, n)
				if err := s.send(t, m); err != nil {
					t.Errorf("%s: Send = %v", m.Subject, err)
				}
			}
		})
	}
	all.Wait()

	times := make(map[string]int)
	for _, m := range s.received() {
		times[m.Subject]++
		want := sample()
		want.Subject = m.Subject
		same(t, m, want)
	}
	if len(times) != senders*mails {
		t.Errorf("%d different mails arrived, want %d", len(times), senders*mails)
	}
	for subject, n := range times {
		if n != 1 {
			t.Errorf("%s arrived %d times", subject, n)
		}
	}
}
