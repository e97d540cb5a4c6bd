package mail

import (
	"errors"
	"fmt"
	"net/textproto"
	"slices"
	"strings"
	"time"
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

// Temporary reports whether sending the same mail again later may succeed. That
// is so for a reply 4xx of the server, for all trouble with the connection,
// for a context that ended, and for every error of unknown kind: a mail tried
// too often is better than a lost one. It is not so for nil, for a reply 5xx
// and for what Permanent marks. Where several recipients were refused, one who
// is worth another try suffices.
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
	var permanent *permanentError
	return err != nil && !errors.As(err, &permanent)
}

// Permanent marks a failure that another try does not cure, such as a message
// or a URL that cannot be used as it is. The text stays that of err; nil stays
// nil.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return &permanentError{err}
}

// RetryAfter marks a failure for which the next hop has said how long to wait before
// the next try: a Queue waits at least so long. It counts as temporary. The text
// stays that of err; nil stays nil, and a pause of 0 says nothing.
func RetryAfter(err error, pause time.Duration) error {
	if err == nil || pause <= 0 {
		return err
	}
	return &retryError{err, pause}
}

type retryError struct {
	error
	pause time.Duration
}

func (e *retryError) Unwrap() error { return e.error }

// atLeast returns pause, or what the next hop has asked for where that is longer.
func atLeast(pause time.Duration, err error) time.Duration {
	var retry *retryError
	if errors.As(err, &retry) {
		return max(pause, retry.pause)
	}
	return pause
}

type permanentError struct{ error }

func (e *permanentError) Unwrap() error { return e.error }
