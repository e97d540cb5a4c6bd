package mail

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
)

// Tee returns a Sender that hands each mail to all the others, at the same time. A
// [Queue] knows the senders apart: each delivers each mail once, and one that is out of
// order is tried again without the others. None at all refuses every mail.
func Tee(senders ...Sender) Sender { return tee(senders) }

// Roads returns the senders that a Tee hands each mail to, or s alone where it is none.
func Roads(s Sender) (roads []Sender) {
	all, ok := s.(tee)
	if !ok || len(all) == 0 {
		return []Sender{s}
	}
	for _, one := range all {
		roads = append(roads, Roads(one)...)
	}
	return roads
}

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

// Send returns when all have taken m or failed, and the errors of those that have.
func (t tee) Send(ctx context.Context, m Message) error {
	if len(t) == 0 {
		return t.Check()
	}
	errs := make([]error, len(t))
	var all sync.WaitGroup
	for i, one := range t {
		all.Go(func() {
			if err := send(ctx, one, m); err != nil {
				errs[i] = fmt.Errorf("%s: %w", one, err)
			}
		})
	}
	all.Wait()
	var failed error
	for _, err := range errs {
		switch {
		case failed == nil:
			failed = err
		case err != nil:
			failed = fmt.Errorf("%w; %w", failed, err)
		}
	}
	return failed
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
