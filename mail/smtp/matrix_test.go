package smtp_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/evertick/evertick/mail"
	"github.com/evertick/evertick/mail/mailtest"
	"github.com/evertick/evertick/mail/smtp"
)

// The steps of a conversation over TLS with a login and two recipients, and what
// goes wrong there. "EHLO again" is the one after STARTTLS.
var (
	steps = []string{
		"greeting", "EHLO", "STARTTLS", "EHLO again", "AUTH", "MAIL", "RCPT", "RCPT again", "DATA", "end of data", "QUIT",
	}
	faults = []string{"4xx", "5xx", "dropped", "silent", "reply lost"}
)

// Whatever goes wrong at whichever step of a conversation with a real server, the
// queue delivers the mail once to each recipient: it tries again what the server did
// not take, and nothing else. 11 steps by STARTTLS, with a spool, and 9 by TLS from
// the first byte, without one, by 5 faults: 100 cases.
func TestEveryFaultAtEveryStep(t *testing.T) {
	now := time.Now() // a bubble begins before the certificate is valid
	var cases, lost, doubled int
	for _, way := range []struct {
		name       string
		encryption mailtest.Encryption
		spool      bool
	}{{"STARTTLS", mailtest.StartTLS, true}, {"TLS", mailtest.ImplicitTLS, false}} {
		for _, step := range steps {
			if way.encryption == mailtest.ImplicitTLS && (step == "STARTTLS" || step == "EHLO again") {
				continue
			}
			for _, fault := range faults {
				t.Run(fmt.Sprintf("%s/%s/%s", way.name, step, fault), func(t *testing.T) {
					dir := ""
					if way.spool {
						dir = t.TempDir() + "/spool"
					}
					synctest.Test(t, func(t *testing.T) {
						time.Sleep(time.Until(now))
						less, more := playFault(t, way.encryption, dir, &proxy{step: step, fault: fault, broken: 2})
						lost, doubled = lost+less, doubled+more
					})
				})
				cases++
			}
		}
	}
	if cases != 100 || lost+doubled > 0 {
		t.Errorf("%d cases, %d mails lost, %d doubled", cases, lost, doubled)
	}
}

// playFault returns how many recipients did not get the mail, and how many times
// one got it twice though the server could say that it has it.
func playFault(t *testing.T, encryption mailtest.Encryption, dir string, p *proxy) (lost, doubled int) {
	p.server, p.implicit = newPipes(), encryption == mailtest.ImplicitTLS
	server := mailtest.Serve(t, mailtest.Config{
		Encryption: encryption, User: "poller", Password: secret, Mechanisms: []string{"PLAIN"}, Listener: p.server,
	})
	p.certificate = server.ServerTLS(t)
	scheme := "smtp"
	if p.implicit {
		scheme = "smtps"
	}
	relay := smtp.Server(scheme + "://poller:" + secret + "@localhost?tls=required")
	relay.Dial, relay.RootCAs = p.dial, server.RootCAs()
	var logged []string
	q := mail.NewQueue(mail.QueueConfig{
		Sender: relay, Name: "poller", Host: "testhost", PID: 1, Dir: dir,
		Logf: func(format string, args ...any) { logged = append(logged, fmt.Sprintf(format, args...)) },
	})
	q.UseSpool()
	m := alert
	m.To = []string{"a@example.com", "b@example.com"}
	q.Put(m)
	time.Sleep(4 * time.Hour)
	waiting, _ := q.Waiting()
	q.Close()
	synctest.Wait()

	for _, raw := range server.Raw() {
		if !strings.Contains(raw, "Message-ID: <") || !strings.Contains(raw, ".1.1@testhost>\r\n") {
			t.Errorf("another mail: %s", raw)
		}
	}
	got := map[string]int{}
	for _, m := range server.Received() {
		for _, to := range m.To {
			got[to]++
		}
	}
	for i, to := range m.To {
		want := 1
		switch {
		case p.fault == "5xx" && p.step == []string{"RCPT", "RCPT again"}[i]:
			want = 0 // refused for good, which is logged
			if !slices.ContainsFunc(logged, func(l string) bool { return strings.Contains(l, "reached only some") && strings.Contains(l, to) }) {
				t.Errorf("the refusal of %s is not logged: %q", to, logged)
			}
		case p.fault == "reply lost" && p.step == "end of data":
			want = 3 // the server took it, and could not say so
		}
		lost, doubled = lost+max(want-got[to], 0), doubled+max(got[to]-want, 0)
	}
	if lost+doubled+waiting > 0 {
		t.Errorf("lost %d, doubled %d, %d wait: %v after %d conversations; %q", lost, doubled, waiting, got, p.conversations, logged)
	}
	if (p.step == "QUIT" || p.fault == "5xx" && strings.HasPrefix(p.step, "RCPT")) != (p.conversations == 1) {
		t.Errorf("%d conversations", p.conversations)
	}
	return lost, doubled
}
