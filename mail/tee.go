package mail

import (
	"context"
	"errors"
	"strings"
)

// Tee returns a Sender that hands each mail to all the others, one after the other.
// It counts as delivered when one of them has taken it: so that a second road that
// is out of order neither holds up the first nor has it deliver twice. None at all
// refuses every mail.
func Tee(senders ...Sender) Sender { return tee(senders) }

type tee []Sender

// Check returns the errors of all senders.
func (t tee) Check() error {
	if len(t) == 0 {
		return Permanent(errors.New("mail: no sender to hand mail to; give at least one to mail.Tee"))
	}
	var errs []error
	for _, s := range t {
		errs = append(errs, s.Check())
	}
	return errors.Join(errs...)
}

// Send returns an error where none of the senders has taken m for everybody.
func (t tee) Send(ctx context.Context, m Message) error {
	if len(t) == 0 {
		return t.Check()
	}
	var errs []error
	for _, s := range t {
		if err := s.Send(ctx, m); err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) < len(t) {
		return nil
	}
	return errs[0]
}

// Stdout reports whether all mails go to the standard output of the process.
func (t tee) Stdout() bool {
	for _, s := range t {
		if p, ok := s.(*Printer); !ok || !p.Stdout() {
			return false
		}
	}
	return len(t) > 0
}

// String names all senders.
func (t tee) String() string {
	names := make([]string, len(t))
	for i, s := range t {
		names[i] = s.String()
	}
	return strings.Join(names, " and ")
}
