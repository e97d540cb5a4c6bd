package smtp

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/evertick/evertick/mail"
)

const (
	// maxError is the longest text of a delivery error, in characters: what a
	// server replies may be pages.
	maxError = 500

	// maxText is the longest foreign text in it.
	maxText = 200
)

// deliveryError is a failed delivery, told in one line.
type deliveryError struct {
	text  string
	cause error
}

func (e *deliveryError) Error() string { return e.text }
func (e *deliveryError) Unwrap() error { return e.cause }

// explain returns a presentable error of what ended a delivery.
func (r *Relay) explain(ctx context.Context, err error) error {
	if ctx.Err() != nil && !errors.Is(err, context.Cause(ctx)) {
		// What failed did so because the connection was cut.
		err = fmt.Errorf("%w (%w)", context.Cause(ctx), err)
	}
	text := fmt.Sprintf("mail: send through %s: %v", r, err)
	return &deliveryError{text: mail.OneLine(r.target.redact(text), maxError), cause: err}
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
