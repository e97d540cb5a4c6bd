package smtp_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/internal/leaktest"
	"github.com/evertick/evertick/mail"
	"github.com/evertick/evertick/mail/mailtest"
	"github.com/evertick/evertick/mail/smtp"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// alert is a message for the tests that are not about messages.
var alert = mail.Message{To: []string{"ops@example.com"}, Subject: "poller Alert", Body: "slow"}

// bounded is a context that no test needs to its end.
func bounded(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func TestRelayKeepsThePromises(t *testing.T) {
	for _, c := range []struct {
		name    string
		config  mailtest.Config
		options string
		trust   bool
	}{
		{name: "plain text"},
		{name: "STARTTLS, certificate unknown", config: mailtest.Config{Encryption: mailtest.StartTLS}},
		{
			name: "STARTTLS required", options: "?tls=required", trust: true,
			config: mailtest.Config{Encryption: mailtest.StartTLS},
		},
		{name: "implicit TLS", config: mailtest.Config{Encryption: mailtest.ImplicitTLS}, trust: true},
		{
			name: "a login", trust: true,
			config: mailtest.Config{Encryption: mailtest.ImplicitTLS, User: "poller", Password: "p@ss/wörd?#"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			mailtest.Run(t, mailtest.Subject{New: func(t *testing.T) (mail.Sender, func() []mail.Message) {
				server := mailtest.Serve(t, c.config)
				relay := smtp.Server(server.URL() + c.options)
				if c.trust {
					relay.RootCAs = server.RootCAs()
				}
				return relay, server.Received
			}})
		})
	}
}

func TestRelayHeaders(t *testing.T) {
	server := mailtest.Serve(t, mailtest.Config{})
	relay := smtp.Server(server.URL() + "?from=Evertick+<evertick@example.com>")
	if err := relay.Send(bounded(t), alert); err != nil {
		t.Fatal(err)
	}
	if err := relay.Send(bounded(t), alert); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, raw := range server.Raw() {
		header, err := textproto.NewReader(bufio.NewReader(strings.NewReader(raw))).ReadMIMEHeader()
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{"Date", "Message-Id", "Mime-Version", "Content-Type", "Auto-Submitted"} {
			if len(header.Values(key)) != 1 {
				t.Errorf("header %s: %q, want one", key, header.Values(key))
			}
		}
		if from := header.Get("From"); from != `"Evertick" <evertick@example.com>` {
			t.Errorf("From = %q", from)
		}
		ids = append(ids, header.Get("Message-Id"))
	}
	if len(ids) != 2 || ids[0] == ids[1] {
		t.Errorf("two mails have the ids %q", ids)
	}
}

func TestRelayDefaultSenderIsThisMachine(t *testing.T) {
	server := mailtest.Serve(t, mailtest.Config{})
	if err := smtp.Server(server.URL()).Send(bounded(t), alert); err != nil {
		t.Fatal(err)
	}
	host, err := os.Hostname()
	if err != nil {
		t.Skip(err)
	}
	if from := server.Received()[0].From; from != "evertick@"+host {
		t.Errorf("From = %q", from)
	}
}

func TestRelayRefusesASenderThatIsNone(t *testing.T) {
	server := mailtest.Serve(t, mailtest.Config{})
	m := alert
	m.From = "poller\r\nBcc: mallory@example.com"
	err := smtp.Server(server.URL()).Send(bounded(t), m)
	if err == nil || mail.Temporary(err) || server.Connections() != 0 {
		t.Errorf("Send = %v after %d connections", err, server.Connections())
	}
}

func TestRelayTellsTemporaryFromLasting(t *testing.T) {
	for _, c := range []struct {
		name      string
		behaviour mailtest.Behaviour
		temporary bool
		want      string
	}{
		{"refused for good", mailtest.Behaviour{Code: 554}, false, "554"},
		{"refused for now", mailtest.Behaviour{Code: 451}, true, "451"},
		{"recipient unknown", mailtest.Behaviour{Recipients: map[string]int{"ops@example.com": 550}}, false, "550"},
		{"recipient greylisted", mailtest.Behaviour{Recipients: map[string]int{"ops@example.com": 450}}, true, "450"},
		{"hung up at once", mailtest.Behaviour{Drop: mailtest.OnConnect}, true, "greeting"},
		{"hung up before its reply", mailtest.Behaviour{Drop: mailtest.BeforeReply}, true, "DATA"},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := mailtest.Serve(t, mailtest.Config{})
			server.Behave(c.behaviour)
			relay := smtp.Server(server.URL())
			err := relay.Send(bounded(t), alert)
			if err == nil || mail.Temporary(err) != c.temporary || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Send = %v, temporary %v; want %v and %q", err, mail.Temporary(err), c.temporary, c.want)
			}
			if got := server.Received(); len(got) != 0 {
				t.Errorf("the server took %+v", got)
			}

			server.Behave(mailtest.Behaviour{})
			if err := relay.Send(bounded(t), alert); err != nil {
				t.Errorf("after the trouble: Send = %v", err)
			}
		})
	}
}

// The server took the mail; a second one would be a mail too many.
func TestRelayBrokenAfterTheReplyIsDelivered(t *testing.T) {
	for _, encryption := range []mailtest.Encryption{mailtest.PlainText, mailtest.StartTLS} {
		server := mailtest.Serve(t, mailtest.Config{Encryption: encryption})
		server.Behave(mailtest.Behaviour{Drop: mailtest.AfterReply})
		if err := smtp.Server(server.URL()).Send(bounded(t), alert); err != nil {
			t.Errorf("Send = %v", err)
		}
		if got := server.Received(); len(got) != 1 {
			t.Errorf("the server has %d mails", len(got))
		}
	}
}

func TestRelayRefusedRecipientsAreTold(t *testing.T) {
	server := mailtest.Serve(t, mailtest.Config{})
	server.Behave(mailtest.Behaviour{Recipients: map[string]int{"gone@example.com": 550, "full@example.com": 452}})
	m := alert
	m.To = []string{"gone@example.com", "ops@example.com", "full@example.com", "no address"}
	err := smtp.Server(server.URL()).Send(bounded(t), m)

	var refused *mail.RefusedError
	if !errors.As(err, &refused) {
		t.Fatalf("Send = %v, want a RefusedError", err)
	}
	again := map[string]bool{}
	for _, r := range refused.Refusals {
		again[r.To] = mail.Temporary(r.Err)
	}
	want := map[string]bool{"gone@example.com": false, "full@example.com": true, "no address": false}
	if fmt.Sprint(again) != fmt.Sprint(want) || !mail.Temporary(err) {
		t.Errorf("refused %v, want %v", again, want)
	}
	if got := server.Received(); len(got) != 1 || strings.Join(got[0].To, " ") != "ops@example.com" {
		t.Errorf("the server took %+v", got)
	}
}

func TestRelayNobodyListens(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	err = smtp.Server("smtp://"+listener.Addr().String()).Send(bounded(t), alert)
	if err == nil || !mail.Temporary(err) || !strings.Contains(err.Error(), "connect") {
		t.Errorf("Send = %v", err)
	}
}

func TestRelayContextEndsASlowServer(t *testing.T) {
	server := mailtest.Serve(t, mailtest.Config{})
	server.Behave(mailtest.Behaviour{Delay: time.Hour})
	reason := errors.New("shutting down")
	ctx, cancel := context.WithCancelCause(t.Context())
	cut := time.AfterFunc(30*time.Millisecond, func() { cancel(reason) })
	defer cut.Stop()

	err := smtp.Server(server.URL()+"?timeout=1h").Send(ctx, alert)
	if !errors.Is(err, reason) || !mail.Temporary(err) {
		t.Errorf("Send = %v, want the context's cause", err)
	}
}

// silent is a server that accepts and never says a word.
func silent(t *testing.T) func(context.Context, string, string) (net.Conn, error) {
	t.Helper()
	return func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go func() { _, _ = io.Copy(io.Discard, theirs) }()
		return ours, nil
	}
}

func TestRelayTimeouts(t *testing.T) {
	for _, c := range []struct {
		name, options string
		deadline      time.Duration
		want          time.Duration
	}{
		{"by default", "", 0, smtp.DefaultTimeout},
		{"of the context", "", time.Hour, time.Hour},
		{"of the URL", "?timeout=7s", 0, 7 * time.Second},
		{"the shorter one counts", "?timeout=7s", time.Hour, 7 * time.Second},
		{"the shorter one counts", "?timeout=7s", time.Second, time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				relay := smtp.Server("smtp://mail.example.com" + c.options)
				relay.Dial = silent(t)
				ctx := t.Context()
				if c.deadline > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, c.deadline)
					defer cancel()
				}
				began := time.Now()
				err := relay.Send(ctx, alert)
				if took := time.Since(began); took != c.want {
					t.Errorf("Send ended after %v, want %v", took, c.want)
				}
				if !errors.Is(err, context.DeadlineExceeded) || !mail.Temporary(err) {
					t.Errorf("Send = %v", err)
				}
			})
		})
	}
}

// A server that never stops talking must not fill the memory.
func TestRelayEndlessReply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		relay := smtp.Server("smtp://mail.example.com")
		relay.Dial = func(context.Context, string, string) (net.Conn, error) {
			ours, theirs := net.Pipe()
			go func() {
				line := []byte(strings.Repeat("220-welcome\r\n", 1000))
				for {
					if _, err := theirs.Write(line); err != nil {
						return
					}
				}
			}()
			return ours, nil
		}
		began := time.Now()
		err := relay.Send(t.Context(), alert)
		if err == nil || !mail.Temporary(err) || time.Since(began) > 0 {
			t.Errorf("Send = %v after %v", err, time.Since(began))
		}
		if len(err.Error()) > 1000 || strings.Contains(err.Error(), "\n") {
			t.Errorf("the error repeats the server: %d bytes", len(err.Error()))
		}
	})
}

// fastClock has a wall clock that stands still, and timers that are due at
// once.
type fastClock struct {
	clockwork.Clock
	wall time.Time
}

func (c fastClock) Wall() time.Time { return c.wall }

func (c fastClock) NewTimer(time.Duration) clockwork.Timer { return c.Clock.NewTimer(0) }

func TestRelayAsksItsClock(t *testing.T) {
	clock := fastClock{clockwork.Real(), time.Date(2026, time.November, 23, 8, 12, 44, 0, time.UTC)}
	server := mailtest.Serve(t, mailtest.Config{})
	relay := smtp.Server(server.URL())
	relay.Clock = clock
	if err := relay.Send(bounded(t), alert); err != nil {
		t.Fatal(err)
	}
	if got := server.Received()[0].Time; !got.Equal(clock.wall) {
		t.Errorf("Date = %v, want %v", got, clock.wall)
	}

	relay = smtp.Server("smtp://mail.example.com?timeout=1h")
	relay.Clock, relay.Dial = clock, silent(t)
	if err := relay.Send(bounded(t), alert); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Send = %v, want the end of its hour", err)
	}
}

func TestRelayQuotedAddresses(t *testing.T) {
	server := mailtest.Serve(t, mailtest.Config{})
	server.Behave(mailtest.Behaviour{Recipients: map[string]int{`gone "it"@example.com`: 550}})
	m := alert
	m.From = `"the poller"@example.com`
	m.To = []string{`"john doe"@example.com`, "ops@example.com", `"gone \"it\""@example.com`}
	err := smtp.Server(server.URL()).Send(bounded(t), m)

	// The address of a refusal must be fit for another try.
	var refused *mail.RefusedError
	if !errors.As(err, &refused) || len(refused.Refusals) != 1 || refused.Refusals[0].To != m.To[2] {
		t.Errorf("Send = %v, want %q refused", err, m.To[2])
	}
	got := server.Received()
	if len(got) != 1 || strings.Join(got[0].To, ", ") != "john doe@example.com, ops@example.com" {
		t.Fatalf("the server took %+v", got)
	}
	if to := `<"john doe"@example.com>, <ops@example.com>`; !strings.Contains(server.Raw()[0], to) {
		t.Errorf("no %s in the header:\n%s", to, server.Raw()[0])
	}
}

func TestRelayAddressTooLongCostsNobodyElse(t *testing.T) {
	server := mailtest.Serve(t, mailtest.Config{})
	m := alert
	m.To = []string{strings.Repeat("x", 3000) + "@example.com", "ops@example.com"}
	err := smtp.Server(server.URL()).Send(bounded(t), m)
	var refused *mail.RefusedError
	if !errors.As(err, &refused) || len(refused.Refusals) != 1 || mail.Temporary(err) {
		t.Errorf("Send = %v, want one refusal for good", err)
	}
	if got := server.Received(); len(got) != 1 || strings.Join(got[0].To, ", ") != "ops@example.com" {
		t.Errorf("the server took %+v", got)
	}
}

func TestRelayRequiredTLSNotOffered(t *testing.T) {
	server := mailtest.Serve(t, mailtest.Config{})
	err := smtp.Server(server.URL()+"?tls=required").Send(bounded(t), alert)
	if err == nil || !mail.Temporary(err) || !strings.Contains(err.Error(), "use smtps:// or tls=opportunistic") {
		t.Errorf("Send = %v", err)
	}
	if got := server.Received(); len(got) != 0 {
		t.Errorf("the server took %+v", got)
	}
}
