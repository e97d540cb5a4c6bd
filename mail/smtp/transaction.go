package smtp

import (
	"errors"
	"fmt"
	"net/textproto"
	"slices"

	gosmtp "github.com/wneessen/go-mail/smtp"

	"github.com/evertick/evertick/mail"
)

// transmit sends the mail to every recipient that the server takes. go-mail's
// Client would send it to nobody where the server refuses one, and would not
// say what the server replied to whom.
func (e *envelope) transmit(session *gosmtp.Client) error {
	session.SkipSMTPUTF8(!e.utf8)
	if err := session.Mail("<" + e.from + ">"); err != nil {
		return fmt.Errorf("MAIL FROM: %w", err)
	}
	refusals := slices.Clone(e.refusals)
	for _, to := range e.to {
		err := session.Rcpt("<" + to + ">")
		var reply *textproto.Error
		if errors.As(err, &reply) {
			reply.Msg = mail.OneLine(reply.Msg, maxText)
			refusals = append(refusals, mail.Refusal{To: to, Err: reply})
		} else if err != nil {
			return fmt.Errorf("RCPT TO: %w", err)
		}
	}
	if len(refusals)-len(e.refusals) < len(e.to) {
		if err := e.transmitData(session); err != nil {
			return fmt.Errorf("DATA: %w", err)
		}
	}
	// From here on the mail is delivered, whatever becomes of the connection.
	if len(refusals) > 0 {
		return &mail.RefusedError{Refusals: refusals}
	}
	return nil
}

// transmitData sends header and body, and waits until the server has taken
// them.
func (e *envelope) transmitData(session *gosmtp.Client) error {
	w, err := session.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write(e.data); err != nil {
		return err
	}
	return w.Close()
}
