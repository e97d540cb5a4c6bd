package webhook

import (
	"bytes"
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/mail"
)

func init() {
	parse := func(url string) (mail.Sender, error) { return To(url), nil }
	mail.Register("webhook+https", parse)
	mail.Register("webhook+http", parse)
}

// DefaultTimeout bounds a delivery where the context has no Deadline, and the URL
// no timeout.
const DefaultTimeout = 30 * time.Second

// SignatureHeader is the header that holds the signature.
const SignatureHeader = "X-Evertick-Signature-256"

const (
	maxAnswer = 300 // bytes of an answer that are told
	maxError  = 500 // characters of an error

	// maxPause bounds what Retry-After may ask for.
	maxPause = time.Hour
)

// Hook is a mail.Sender that posts to an HTTP address. To makes one. Its fields may
// be set before it is first used.
type Hook struct {
	// Transport is how requests are sent. Nil means a connection of its own for
	// each, through the proxy that the environment names.
	Transport http.RoundTripper

	// Clock is for the time-outs, and for the time of a message that has none. Nil
	// means clockwork.Real().
	Clock clockwork.Clock

	target target
	err    error // what is wrong with the URL
}

var _ mail.Sender = (*Hook)(nil)

// To returns a sender that posts each mail to the address that the URL names:
//
//	webhook+https://[user:password@]host[:port]/path[?query][#option=value&…]
//
// The options are not sent:
//
//	secret=k3y    signs each body
//	timeout=10s   bounds one delivery; DefaultTimeout if neither this nor a
//	              Deadline of the context is given
//	tls=none      lets webhook+http:// go to another machine; to localhost and
//	              loopback addresses it may without
//
// The path of such an address is often its password: neither an error nor String
// shows more of the URL than scheme and host. A URL that cannot be used is reported
// by Check, and by each Send.
func To(url string) *Hook {
	t, err := parse(url)
	return &Hook{target: t, err: mail.Permanent(err)}
}

// Check reports what is wrong with the URL, in one line that says what to write
// instead.
func (h *Hook) Check() error {
	if h.err == nil && h.target.url == nil {
		return mail.Permanent(errors.New("mail: a Hook without an address; make it with webhook.To"))
	}
	return h.err
}

// String returns scheme and host.
func (h *Hook) String() string {
	if h.Check() != nil {
		return "an unusable webhook URL"
	}
	return h.target.String()
}

// Send posts m. It blocks at most until ctx is done, or for the timeout of the URL.
// A recipient who has no mail address is refused; the others are named in what is
// posted.
func (h *Hook) Send(ctx context.Context, m mail.Message) error {
	if err := h.Check(); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return fmt.Errorf("mail: post to %s: %w", h, context.Cause(ctx))
	}
	clock := cmp.Or(h.Clock, clockwork.Real())
	body, refusals, err := render(m, clock.Wall())
	if err != nil {
		return fmt.Errorf("mail: post to %s: %w", h, err)
	}
	limit := h.target.timeout
	if _, bounded := ctx.Deadline(); limit == 0 && !bounded {
		limit = DefaultTimeout
	}
	if limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = clockwork.WithTimeout(ctx, clock, limit)
		defer cancel()
	}
	if err := h.post(ctx, m.Clean().ID, body); err != nil {
		return h.explain(ctx, err)
	}
	if len(refusals) > 0 {
		return fmt.Errorf("mail: post to %s: %w", h, &mail.RefusedError{Refusals: refusals})
	}
	return nil
}

// post sends one request, and judges its answer.
func (h *Hook) post(ctx context.Context, id string, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.target.url.String(), bytes.NewReader(body))
	if err != nil {
		return mail.Permanent(err)
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	req.Header.Set("User-Agent", "Evertick")
	if id != "" {
		req.Header.Set("Idempotency-Key", id)
	}
	if h.target.secret != "" {
		req.Header.Set(SignatureHeader, Sign(h.target.secret, body))
	}
	client := http.Client{
		Transport:     h.Transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	if client.Transport == nil {
		client.Transport = &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true}
	}
	answer, err := client.Do(req)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode/100 == 2 {
		return nil
	}
	text, _ := io.ReadAll(io.LimitReader(answer.Body, maxAnswer)) // what can be read of it
	return judge(answer, string(text), cmp.Or(h.Clock, clockwork.Real()).Wall())
}

// judge returns the error that an answer other than 2xx means.
func judge(answer *http.Response, text string, wall time.Time) error {
	err := fmt.Errorf("the answer is %s: %s", answer.Status, mail.OneLine(text, maxAnswer))
	switch code := answer.StatusCode; {
	case code/100 == 3:
		return mail.Permanent(fmt.Errorf("the answer is %s: redirects are not followed; name the address itself", answer.Status))
	case code == http.StatusRequestTimeout, code == http.StatusTooEarly, code == http.StatusTooManyRequests, code >= 500:
		return mail.RetryAfter(err, pause(answer.Header.Get("Retry-After"), wall))
	default:
		return mail.Permanent(err)
	}
}

// pause returns what Retry-After asks for: seconds or a date.
func pause(text string, wall time.Time) (d time.Duration) {
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		d = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(text); err == nil {
		d = at.Sub(wall)
	}
	return min(max(d, 0), maxPause)
}

// explain returns a presentable error of what ended a delivery.
func (h *Hook) explain(ctx context.Context, err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err // without the URL
	}
	if ctx.Err() != nil && !errors.Is(err, context.Cause(ctx)) {
		err = fmt.Errorf("%w (%w)", context.Cause(ctx), err)
	}
	text := fmt.Sprintf("mail: post to %s: %v", h, err)
	return &postError{text: mail.OneLine(h.target.redact(text), maxError), cause: err}
}

// postError is a failed delivery, told in one line.
type postError struct {
	text  string
	cause error
}

func (e *postError) Error() string { return e.text }
func (e *postError) Unwrap() error { return e.cause }

// Sign returns the signature of a body under a secret, as the header has it.
func Sign(secret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

// Verify reports whether a signature, as the header has it, is that of a body under
// a secret: for the receiver. It takes the same time whatever is wrong.
func Verify(secret string, body []byte, signature string) bool {
	return hmac.Equal([]byte(Sign(secret, body)), []byte(signature))
}
