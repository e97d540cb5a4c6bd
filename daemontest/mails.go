package daemontest

import (
	"context"
	"fmt"
	stdmail "net/mail"
	"net/textproto"
	"slices"

	"github.com/evertick/evertick/mail"
)

// memSender is the mail server of the world, in place of a declared transport.
type memSender struct {
	i    *image
	real mail.Sender
}

var _ mail.Sender = (*memSender)(nil)

func (s *memSender) Check() error   { return s.real.Check() }
func (s *memSender) String() string { return s.real.String() }

// errNoRecipient is a refusal for good, as a server would put it.
var errNoRecipient = &textproto.Error{Code: 554, Msg: "the message has no recipient"}

// Send is slow, or fails, as the scenario has it.
func (s *memSender) Send(ctx context.Context, m mail.Message) error {
	w := s.i.world
	w.mu.Lock()
	takes := w.mailTakes
	w.mu.Unlock()
	if err := s.i.wait(ctx, laneMail, takes); err != nil {
		return fmt.Errorf("mail: %w", err)
	}
	m = m.Clean()
	var refused []mail.Refusal
	m.To, refused = recipients(m.To)
	w.mu.Lock()
	down := w.mailDown
	if down == nil && len(m.To) > 0 {
		w.mails = append(w.mails, m)
	}
	w.mu.Unlock()
	switch {
	case down != nil:
		return fmt.Errorf("mail: %w", down)
	case len(m.To) > 0:
		w.trace.add(entry{kind: entryMail, p: s.i.process, text: m.Subject})
	case len(refused) == 0:
		return fmt.Errorf("mail: %w", errNoRecipient)
	}
	if len(refused) > 0 {
		return fmt.Errorf("mail: %w", &mail.RefusedError{Refusals: refused})
	}
	return nil
}

// recipients are the addresses that mail can be delivered to, each once, and
// the others.
func recipients(given []string) (to []string, refused []mail.Refusal) {
	for _, one := range given {
		switch address, err := stdmail.ParseAddress(one); {
		case err != nil:
			refused = append(refused, mail.Refusal{To: one, Err: &textproto.Error{Code: 553, Msg: "no mail address; write name@host"}})
		case !slices.Contains(to, address.Address):
			to = append(to, address.Address)
		}
	}
	return to, refused
}
