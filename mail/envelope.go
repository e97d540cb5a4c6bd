package mail

import (
	"bytes"
	"fmt"
	"net/mail"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"
)

// envelope is a mail ready for the wire.
type envelope struct {
	from     string    // the bare address
	to       []string  // the bare addresses that can be tried
	refusals []Refusal // the recipients that no server needs to be asked about
	data     []byte    // header and body
	utf8     bool      // an address needs RFC 6531
}

// seal makes an envelope of m. The mail is from sender where m names none.
func seal(m Message, sender string) (*envelope, error) {
	if m.From != "" {
		sender = m.From
	}
	from, err := mail.ParseAddress(sender)
	if err != nil {
		return nil, lastingf("sender %q is no mail address", oneLine(sender, maxSubject))
	}
	e := &envelope{from: from.Address}
	e.to, e.refusals = recipients(m.To)
	if len(e.to) == 0 {
		return nil, nobody("", e.refusals)
	}
	for _, address := range append([]string{e.from}, e.to...) {
		e.utf8 = e.utf8 || strings.ContainsFunc(address, func(r rune) bool { return r > '~' })
	}
	if e.data, err = render(m.Clean(), from, e.to); err != nil {
		return nil, err
	}
	return e, nil
}

// render writes header and body.
func render(m Message, from *mail.Address, to []string) ([]byte, error) {
	wire := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	wire.FromMailAddress(from)
	if err := wire.To(to...); err != nil {
		return nil, lastingf("recipients: %v", err)
	}
	wire.Subject(m.Subject)
	if m.Time.IsZero() {
		m.Time = time.Now()
	}
	wire.SetDateWithValue(m.Time)
	wire.SetMessageID()
	// RFC 3834, section 5: what no person wrote must say so, or holiday
	// responders answer it.
	wire.SetGenHeader("Auto-Submitted", "auto-generated")
	wire.SetBodyString(gomail.TypeTextPlain, m.Body)
	var data bytes.Buffer
	if _, err := wire.WriteTo(&data); err != nil {
		return nil, fmt.Errorf("write the message: %w", err)
	}
	return data.Bytes(), nil
}

// recipients are the bare addresses, each once, and those that are none.
func recipients(given []string) (to []string, refusals []Refusal) {
	seen := make(map[string]bool)
	for _, one := range given {
		address, err := mail.ParseAddress(one)
		if err != nil {
			one = oneLine(one, maxSubject)
			refusals = append(refusals, Refusal{To: one, Err: lastingf("no mail address; write name@host")})
			continue
		}
		if !seen[address.Address] {
			seen[address.Address] = true
			to = append(to, address.Address)
		}
	}
	return to, refusals
}

// nobody is the error for a message that has no recipient to try.
func nobody(what string, refusals []Refusal) error {
	var err error = &RefusedError{Refusals: refusals}
	if len(refusals) == 0 {
		err = lastingf("the message has no recipient")
	}
	if what == "" {
		return err
	}
	return fmt.Errorf("%s: %w", what, err)
}
