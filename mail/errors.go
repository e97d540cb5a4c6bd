package mail

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/textproto"
	"slices"
	"strings"
)

// RefusedError says which recipients did not get a mail. All others of the
// message did.
type RefusedError struct {
	// Refusals has at least one entry, in the order of Message.To.
	Refusals []Refusal
}

// Refusal is one recipient who did not get the mail, and why.
type Refusal struct {
	// To is the address as the message had it.
	To string

	// Err is the reason: often the server's reply, a *textproto.Error.
	Err error
}

// Error names each recipient with the reason, in one line.
func (e *RefusedError) Error() string {
	parts := make([]string, len(e.Refusals))
	for i, r := range e.Refusals {
		parts[i] = fmt.Sprintf("%q: %v", r.To, r.Err)
	}
	return "recipients refused: " + strings.Join(parts, "; ")
}

// Unwrap returns the reasons.
func (e *RefusedError) Unwrap() []error {
	reasons := make([]error, len(e.Refusals))
	for i, r := range e.Refusals {
		reasons[i] = r.Err
	}
	return reasons
}

// Temporary tells whether sending the same mail again later may succeed. That
// is so for a reply 4xx of the server, for all trouble with the connection,
// for a context that ended, and for every error that nobody knows: a mail
// tried too often is better than a lost one. It is not so for a reply 5xx, a
// message that cannot be sent as it is, and a sender whose Check fails. Where
// several recipients were refused, one who is worth another try suffices.
//
// A Sender of your own says 4xx or 5xx with a *textproto.Error.
func Temporary(err error) bool {
	var recipients *RefusedError
	if errors.As(err, &recipients) {
		return slices.ContainsFunc(recipients.Refusals, func(r Refusal) bool { return Temporary(r.Err) })
	}
	var reply *textproto.Error
	if errors.As(err, &reply) {
		return reply.Code < 500
	}
	var lasting *lastingError
	return err != nil && !errors.As(err, &lasting)
}

// lastingError is a failure that trying again does not cure.
type lastingError struct{ reason string }

func (e *lastingError) Error() string { return e.reason }

func lastingf(format string, args ...any) error {
	return &lastingError{reason: fmt.Sprintf(format, args...)}
}

// maxError is the longest text of a delivery error, in characters: what a
// server replies may be pages.
const maxError = 500

// deliveryError is a failed delivery, told in one line.
type deliveryError struct {
	text  string
	cause error
}

func (e *deliveryError) Error() string { return e.text }
func (e *deliveryError) Unwrap() error { return e.cause }

// explain makes a presentable error of what ended a delivery.
func (r *Relay) explain(ctx context.Context, err error) error {
	if ctx.Err() != nil && !errors.Is(err, context.Cause(ctx)) {
		// What failed did so because the connection was cut.
		err = fmt.Errorf("%w (%w)", context.Cause(ctx), err)
	}
	text := fmt.Sprintf("mail: send through %s: %v", r, err)
	return &deliveryError{text: oneLine(r.target.redact(text), maxError), cause: err}
}

// redact hides the password, which a careless server may have repeated, in the
// forms in which it was sent.
func (t target) redact(s string) string {
	if t.password == "" {
		return s
	}
	encode := base64.StdEncoding.EncodeToString
	return strings.NewReplacer(
		encode([]byte("\x00"+t.user+"\x00"+t.password)), "***",
		encode([]byte(t.password)), "***",
		t.password, "***",
	).Replace(s)
}
