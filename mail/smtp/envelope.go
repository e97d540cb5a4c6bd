package smtp

import (
	"bytes"
	"crypto/rand"
	"fmt"
	netmail "net/mail"
	"slices"
	"strings"

	gomail "github.com/wneessen/go-mail"

	"github.com/evertick/evertick/mail"
)

// envelope is a mail ready for the wire.
type envelope struct {
	from     string         // the bare address
	to       []string       // the bare addresses that can be tried
	refusals []mail.Refusal // the recipients that no server needs to be asked about
	data     []byte         // header and body
	utf8     bool           // an address needs RFC 6531
}

// envelope prepares m. The mail is from the sender of the URL where m names
// none.
func (r *Relay) envelope(m mail.Message) (*envelope, error) {
	sender := m.From
	if sender == "" {
		sender = r.target.from
	}
	from, err := netmail.ParseAddress(sender)
	if err != nil {
		return nil, mail.Permanent(fmt.Errorf("sender %q is no mail address", mail.OneLine(sender, maxText)))
	}
	to, refusals, err := recipients(m)
	if err != nil {
		return nil, err
	}
	if m.Time.IsZero() {
		m.Time = r.clock().Wall()
	}
	data, err := render(m.Clean(), from, to)
	if err != nil {
		return nil, err
	}
	beyondASCII := func(address string) bool {
		return strings.ContainsFunc(address, func(r rune) bool { return r > '~' })
	}
	return &envelope{
		from: bare(from), to: to, refusals: refusals, data: data,
		utf8: beyondASCII(from.Address) || slices.ContainsFunc(to, beyondASCII),
	}, nil
}

// render returns header and body.
func render(m mail.Message, from *netmail.Address, to []string) ([]byte, error) {
	wire := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	wire.FromMailAddress(from)
	if err := wire.To(to...); err != nil {
		return nil, mail.Permanent(fmt.Errorf("recipients: %w", err))
	}
	wire.Subject(m.Subject)
	wire.SetDateWithValue(m.Time)
	id := m.ID
	if id == "" {
		id = rand.Text() + "@" + hostname()
	}
	wire.SetMessageIDWithValue(id)
	if n := len(m.References); n > 0 {
		// RFC 5322, section 3.6.4
		wire.SetGenHeader("In-Reply-To", "<"+m.References[n-1]+">")
		wire.SetGenHeader("References", "<"+strings.Join(m.References, "> <")+">")
	}
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
