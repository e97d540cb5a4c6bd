package mail

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// Printer is a Sender that writes each mail as text for people to read.
type Printer struct {
	mu sync.Mutex
	w  io.Writer
}

var _ Sender = (*Printer)(nil)

// Writer returns a Sender for development: a mail counts as delivered when w
// has taken it. Each mail is one call of w's Write, and there is never more
// than one at a time.
func Writer(w io.Writer) *Printer { return &Printer{w: w} }

// Check refuses a Printer without a writer.
func (p *Printer) Check() error {
	if p.w == nil {
		return lastingf("mail: no writer to print to; give one to mail.Writer")
	}
	return nil
}

// Send writes m. It does not notice when ctx ends while w blocks.
func (p *Printer) Send(ctx context.Context, m Message) error {
	if err := p.Check(); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return fmt.Errorf("mail: print: %w", context.Cause(ctx))
	}
	to, refusals := recipients(m.To)
	if len(to) == 0 {
		return nobody("mail: print", refusals)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, err := io.WriteString(p.w, readable(m.Clean(), to)); err != nil {
		return fmt.Errorf("mail: print: %w", err)
	}
	if len(refusals) > 0 {
		return fmt.Errorf("mail: print: %w", &RefusedError{Refusals: refusals})
	}
	return nil
}

// String is "a writer".
func (p *Printer) String() string { return "a writer" }

// rule separates the mails.
const rule = "------------------------------------------------------------ mail"

// readable is the mail with the headers that tell a person something.
func readable(m Message, to []string) string {
	var b strings.Builder
	b.WriteString(rule + "\n")
	if m.From != "" {
		fmt.Fprintf(&b, "From: %s\n", oneLine(m.From, maxSubject))
	}
	fmt.Fprintf(&b, "To: %s\n", strings.Join(to, ", "))
	if !m.Time.IsZero() {
		fmt.Fprintf(&b, "Date: %s\n", m.Time.Format(time.RFC1123Z))
	}
	fmt.Fprintf(&b, "Subject: %s\n\n%s", m.Subject, m.Body)
	return b.String()
}
