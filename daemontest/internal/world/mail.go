package world

import (
	"context"
	"fmt"
	stdmail "net/mail"
	"net/textproto"
	"slices"
	"sync"
	"time"

	"github.com/evertick/evertick/daemontest/internal/timeline"
	"github.com/evertick/evertick/mail"
)

// MailServer is the mail server of the world. It is safe for concurrent use.
type MailServer struct {
	mu    sync.Mutex // held for instants only
	mails []mail.Message
	down  error
	takes time.Duration
	met   Met
}

// Mails returns the mails that the server has taken so far.
func (s *MailServer) Mails() []mail.Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.mails)
}

// SetDown lets the server refuse everything with err; nil ends that.
func (s *MailServer) SetDown(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = err
}

// SetTakes lets the server take d for each mail.
func (s *MailServer) SetTakes(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.takes = d
}

// Met returns how often what is wrong with the server was met.
func (s *MailServer) Met() int64 { return s.met.Load() }

// takesNow is how long a mail takes at present.
func (s *MailServer) takesNow() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.met.note(s.takes > 0)
	return s.takes
}

// errNoRecipient is a refusal for good, as a server would put it.
var errNoRecipient = &textproto.Error{Code: 554, Msg: "the message has no recipient"}

// take takes a mail for those that it can be delivered to.
func (s *MailServer) take(m mail.Message) (taken bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down != nil {
		s.met.note(true)
		return false, s.down
	}
	var refused []mail.Refusal
	if m.To, refused = recipients(m.To); len(m.To) > 0 {
		s.mails = append(s.mails, m)
	}
	switch {
	case len(refused) > 0:
		err = &mail.RefusedError{Refusals: refused}
	case len(m.To) == 0:
		err = errNoRecipient
	}
	return len(m.To) > 0, err
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

// sender is the mail server as a generation reaches it, in place of the
// declared transport.
type sender struct {
	g        *Generation
	server   *MailServer
	declared mail.Sender
}

var _ mail.Sender = sender{}

func (s sender) Check() error   { return s.declared.Check() }
func (s sender) String() string { return s.declared.String() }

func (s sender) Send(ctx context.Context, m mail.Message) error {
	if err := s.g.wait(ctx, laneMail, s.server.takesNow()); err != nil {
		return fmt.Errorf("mail: %w", err)
	}
	m.Subject, m.Body = s.g.files.Plain(m.Subject), s.g.files.Plain(m.Body)
	m = m.Clean()
	taken, err := s.server.take(m)
	if taken {
		s.g.process.record.Add(timeline.Mail, m.Subject)
	}
	if err != nil {
		return fmt.Errorf("mail: %w", err)
	}
	return nil
}
