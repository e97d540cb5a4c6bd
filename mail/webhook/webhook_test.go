package webhook_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/evertick/evertick/mail"
	"github.com/evertick/evertick/mail/mailtest"
	"github.com/evertick/evertick/mail/webhook"
)

const (
	secret = "k3y-s3cr3t"
	path   = "/T024/B7/x9Pz"
)

var alert = mail.Message{
	To: []string{"ops@example.com"}, ID: "1.2.3@web1", Subject: "poller Alert: <!channel> & more",
	Body: "first\nsecond\n", Time: time.Date(2026, 11, 23, 8, 12, 44, 0, time.UTC), References: []string{"1.2.1@web1"},
}

// receiver is a server that takes what is posted, or answers otherwise.
type receiver struct {
	mu      sync.Mutex
	answer  func(w http.ResponseWriter, r *http.Request) (taken bool) // nil takes all
	taken   []webhook.Body
	headers []http.Header
	bodies  []string
	asked   int
}

func (s *receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	if s.answer != nil && !s.answer(w, r) {
		return
	}
	var b webhook.Body
	if err := json.Unmarshal(text, &b); err != nil || r.Method != http.MethodPost {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	s.taken, s.headers, s.bodies = append(s.taken, b), append(s.headers, r.Header), append(s.bodies, string(text))
	fmt.Fprint(w, "ok")
}

// received returns what was taken, as mails.
func (s *receiver) received() (all []mail.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range s.taken {
		all = append(all, mail.Message{
			From: b.From, To: b.To, ID: b.ID, References: b.References, Subject: b.Subject, Body: b.Body, Time: b.Time,
		})
	}
	return all
}

// code answers with a status.
func code(status int, headers ...string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		for i := 0; i+1 < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		fmt.Fprintf(w, "sorry, %s with %s", r.URL.Path, secret)
		return false
	}
}

// serve returns a real server, and the sender to it.
func serve(t *testing.T, s *receiver, options string) (*httptest.Server, *webhook.Hook) {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return server, webhook.To("webhook+" + server.URL + path + options)
}

func TestHookKeepsThePromisesOfASender(t *testing.T) {
	mailtest.Run(t, mailtest.Subject{New: func(t *testing.T) (mail.Sender, func() []mail.Message) {
		var s receiver
		_, hook := serve(t, &s, "#secret="+secret)
		return hook, s.received
	}})
}

// What is posted is what chats and programs expect, signed.
func TestWhatIsPosted(t *testing.T) {
	var s receiver
	_, hook := serve(t, &s, "?channel=ops#secret="+secret)
	if err := hook.Send(t.Context(), alert); err != nil {
		t.Fatal(err)
	}
	const want = `{"text":"poller Alert: \u0026lt;!channel\u0026gt; \u0026amp; more\nfirst\nsecond","id":"1.2.3@web1","references":["1.2.1@web1"],` +
		`"to":["ops@example.com"],"subject":"poller Alert: \u003c!channel\u003e \u0026 more","body":"first\nsecond\n","time":"2026-11-23T08:12:44Z","alerts":1}`
	if s.bodies[0] != want {
		t.Errorf("posted %s", s.bodies[0])
	}
	h := s.headers[0]
	if h.Get("Idempotency-Key") != alert.ID || !strings.HasPrefix(h.Get("Content-Type"), "application/json") {
		t.Errorf("headers %v", h)
	}
	signature := h.Get(webhook.SignatureHeader)
	if !webhook.Verify(secret, []byte(s.bodies[0]), signature) || webhook.Verify("another", []byte(s.bodies[0]), signature) ||
		webhook.Verify(secret, []byte(s.bodies[0]+" "), signature) || webhook.Verify(secret, []byte(s.bodies[0]), "") {
		t.Errorf("signature %q", signature)
	}
	long := alert
	long.Body = strings.Repeat("ö", 20_000)
	if err := hook.Send(t.Context(), long); err != nil {
		t.Fatal(err)
	}
	if n := len([]rune(strings.ReplaceAll(strings.ReplaceAll(s.taken[1].Text, "&lt;", "<"), "&gt;", ">"))); n > 10_004 || len(s.taken[1].Body) < 40_000 {
		t.Errorf("a text of %d characters, a body of %d bytes", n, len(s.taken[1].Body))
	}
}

// The signature is HMAC-SHA256, as others compute it:
// printf hello | openssl dgst -sha256 -hmac key
func TestTheSignatureIsThatOfOthers(t *testing.T) {
	const want = "sha256=9307b3b915efb5171ff14d8cb55fbcc798c6c0ef1456d66ded1a6aa723a58b7b"
	if got := webhook.Sign("key", []byte("hello")); got != want {
		t.Errorf("got %s", got)
	}
}

// What an answer means, and that no error shows the path, the secret or the
// password.
func TestWhatAnAnswerMeans(t *testing.T) {
	for _, c := range []struct {
		status    int
		temporary bool
	}{
		{301, false},
		{302, false},
		{307, false},
		{308, false},
		{304, false},
		{400, false},
		{401, false},
		{403, false},
		{404, false},
		{410, false},
		{413, false},
		{408, true},
		{425, true},
		{429, true},
		{500, true},
		{502, true},
		{503, true},
		{504, true},
		{599, true},
	} {
		t.Run(fmt.Sprint(c.status), func(t *testing.T) {
			var other receiver
			elsewhere := httptest.NewServer(&other)
			defer elsewhere.Close()
			s := receiver{answer: code(c.status, "Location", elsewhere.URL+"/x")}
			server, _ := serve(t, &s, "")
			hook := webhook.To("webhook+" + strings.Replace(server.URL, "//", "//me:p4ssw0rd@", 1) + path + "?token=t0k3n#secret=" + secret)
			err := hook.Send(t.Context(), alert)
			if err == nil || mail.Temporary(err) != c.temporary || !strings.Contains(err.Error(), fmt.Sprint(c.status)) {
				t.Errorf("Send = %v, temporary %v", err, mail.Temporary(err))
			}
			shown := fmt.Sprint(err, hook)
			for _, hidden := range []string{secret, path, "p4ssw0rd", "t0k3n", "\n"} {
				if strings.Contains(shown, hidden) {
					t.Errorf("%q is shown: %s", hidden, shown)
				}
			}
			if s.asked != 1 || other.asked != 0 {
				t.Errorf("asked %d times, and elsewhere %d", s.asked, other.asked)
			}
		})
	}
}

// A connection that fails at whichever instant is worth another try, and the URL is
// not shown.
func TestTroubleWithTheConnection(t *testing.T) {
	hangUp := func(w http.ResponseWriter, _ *http.Request) bool {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			_ = conn.Close()
		}
		return false
	}
	s := receiver{answer: hangUp}
	server, dropped := serve(t, &s, "")
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refused := webhook.To("webhook+http://" + closed.Addr().String() + path)
	_ = closed.Close()
	unknown := webhook.To("webhook+https://no-such-host.invalid" + path)
	unknown.Transport = &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.DNSError{Err: "no such host", Name: "no-such-host.invalid", IsNotFound: true}
	}}
	for name, hook := range map[string]*webhook.Hook{"dropped": dropped, "refused": refused, "unknown": unknown} {
		err := hook.Send(t.Context(), alert)
		if err == nil || !mail.Temporary(err) || strings.Contains(err.Error(), path) {
			t.Errorf("%s: Send = %v", name, err)
		}
	}
	silent := receiver{answer: func(_ http.ResponseWriter, r *http.Request) bool {
		<-r.Context().Done()
		return false
	}}
	_, hook := serve(t, &silent, "#timeout=50ms")
	if err := hook.Send(t.Context(), alert); !errors.Is(err, context.DeadlineExceeded) || !mail.Temporary(err) {
		t.Errorf("silent: Send = %v", err)
	}
	server.CloseClientConnections()
}

// Over TLS the certificate must be trusted.
func TestTheCertificateMustBeTrusted(t *testing.T) {
	var s receiver
	server := httptest.NewUnstartedServer(&s)
	server.Config.ErrorLog = nil
	server.StartTLS()
	defer server.Close()
	hook := webhook.To("webhook+" + server.URL + path)
	if err := hook.Send(t.Context(), alert); err == nil || !strings.Contains(err.Error(), "certificate") || s.asked > 0 {
		t.Errorf("Send = %v, asked %d times", err, s.asked)
	}
	hook.Transport = server.Client().Transport
	if err := hook.Send(t.Context(), alert); err != nil || len(s.taken) != 1 {
		t.Errorf("Send = %v", err)
	}
}

// scripted is a transport that answers from a script, one status after the other,
// and then takes all.
type scripted struct {
	statuses []int
	headers  http.Header
	times    []time.Duration
	began    time.Time
	ids      []string
}

func (s *scripted) RoundTrip(r *http.Request) (*http.Response, error) {
	s.times = append(s.times, time.Since(s.began).Round(time.Second))
	status := 200
	if len(s.statuses) > 0 {
		status, s.statuses = s.statuses[0], s.statuses[1:]
	}
	switch status {
	case 0:
		return nil, errors.New("connection reset by peer")
	case 200:
		s.ids = append(s.ids, r.Header.Get("Idempotency-Key"))
	}
	return &http.Response{StatusCode: status, Status: http.StatusText(status), Header: s.headers, Body: http.NoBody, Request: r}, nil
}

// The queue tries again what is worth it, not before what Retry-After says, and
// delivers once.
func TestTheQueueTriesAgain(t *testing.T) {
	for _, c := range []struct {
		name     string
		statuses []int
		retry    string
		least    time.Duration // before the second try
		most     time.Duration
	}{
		{"busy", []int{503}, "", 4 * time.Second, 7 * time.Second},
		{"busy for a while", []int{429}, "120", 120 * time.Second, 121 * time.Second},
		{"busy until", []int{503}, "Sat, 01 Jan 2000 00:03:00 GMT", 179 * time.Second, 181 * time.Second},
		{"busy for a year", []int{429}, "31536000", time.Hour, time.Hour + time.Second},
		{"a time that is over", []int{503}, "Fri, 31 Dec 1999 00:00:00 GMT", 4 * time.Second, 7 * time.Second},
		{"nonsense", []int{503}, "soon", 4 * time.Second, 7 * time.Second},
		{"dropped", []int{0}, "", 4 * time.Second, 7 * time.Second},
		{"refused for good", []int{404}, "", time.Hour, time.Hour + time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &scripted{statuses: c.statuses, headers: http.Header{}, began: time.Now()}
				if c.retry != "" {
					s.headers.Set("Retry-After", c.retry)
				}
				hook := webhook.To("webhook+https://hooks.example.com" + path)
				hook.Transport = s
				q := mail.NewQueue(mail.QueueConfig{Sender: hook, Name: "poller", Host: "web1", PID: 7})
				q.Put(alert)
				time.Sleep(3 * time.Hour)
				waiting, _ := q.Waiting()
				q.Close()
				synctest.Wait()
				if len(s.times) != 2 || s.times[1] < c.least || s.times[1] > c.most || len(s.ids) != 1 || waiting != 0 {
					t.Errorf("tried at %v, delivered %v, %d wait", s.times, s.ids, waiting)
				}
			})
		})
	}
}

// A URL that cannot be used is refused with what to write instead, and none of it is
// shown.
func TestURLs(t *testing.T) {
	for url, want := range map[string]string{
		"webhook+https://hooks.example.com/T0/s3cr3t":             "",
		"webhook+https://a:b@hooks.example.com:8443/x?y=z":        "",
		"webhook+http://localhost:8080/s3cr3t":                    "",
		"webhook+http://[::1]:8080/s3cr3t#secret=s3cr3t%26":       "",
		"webhook+http://10.0.0.7/s3cr3t#tls=none&timeout=3s":      "",
		"webhook+http://10.0.0.7/s3cr3t":                          "add #tls=none",
		"webhook+https://10.0.0.7/s3cr3t#tls=none":                "tls= of the webhook URL can only be none, with webhook+http://",
		"webhook+https:///s3cr3t":                                 "without a host",
		"webhook+https://hooks.example.com/s3cr3t%zz":             "unreadable webhook URL",
		"webhook+https://hooks.example.com/#secret=":              "secret= of the webhook URL is empty",
		"webhook+https://hooks.example.com/#secret=a&secret=b":    "given twice",
		"webhook+https://hooks.example.com/#s3cr3t=1":             "known are secret, timeout, tls",
		"webhook+https://hooks.example.com/#timeout=-1s":          "positive duration",
		"webhook+https://hooks.example.com/#secret=a%26;x=s3cr3t": "unreadable options",
		"webhook+ftp://hooks.example.com/s3cr3t":                  "must begin with webhook+https://",
		"https://hooks.example.com/s3cr3t":                        "must begin with webhook+https://",
	} {
		hook := webhook.To(url)
		err := hook.Check()
		if (err == nil) != (want == "") || err != nil && (!strings.Contains(err.Error(), want) || mail.Temporary(err)) {
			t.Errorf("%s: Check = %v, want %q", url, err, want)
		}
		if shown := fmt.Sprint(hook, err, hook.Send(canceled(t), alert)); strings.Contains(shown, "s3cr3t") {
			t.Errorf("%s is shown: %s", url, shown)
		}
	}
	if err := new(webhook.Hook).Check(); err == nil || !strings.Contains(err.Error(), "webhook.To") {
		t.Errorf("Check of nothing = %v", err)
	}
	if sender, err := mail.Parse("webhook+https://hooks.example.com/T0"); err != nil || sender.String() != "webhook+https://hooks.example.com" {
		t.Errorf("Parse = %v, %v", sender, err)
	}
}

func canceled(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}
