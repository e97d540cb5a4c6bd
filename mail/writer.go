package mail

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
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

// Stdout reports whether the mails go to the standard output of the process,
// which a daemon that runs detached does not have.
func (p *Printer) Stdout() bool { return p.w == os.Stdout }

// Check refuses a Printer without a writer.
func (p *Printer) Check() error {
	if p.w == nil {
		return Permanent(errors.New("mail: no writer to print to; give one to mail.Writer"))
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
	to, refusals := addressed(m.To)
	switch {
	case len(to) == 0 && len(refusals) == 0:
		return Permanent(errors.New("mail: print: the message has no recipient"))
	case len(to) == 0:
		return fmt.Errorf("mail: print: %w", &RefusedError{Refusals: refusals})
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

// addressed returns the bare addresses of the entries, each once and in order,
// and a refusal for each entry that does not look like one. That is enough for
// mails that are shown; a transport parses addresses in full, for which a
// program that sends no mail need not link a parser.
func addressed(entries []string) (to []string, refusals []Refusal) {
	for _, entry := range entries {
		address, ok := bareAddress(entry)
		switch {
		case !ok:
			refusals = append(refusals, Refusal{
				To: OneLine(entry, maxSubject), Err: Permanent(errors.New("no mail address; write name@host")),
			})
		case !slices.Contains(to, address):
			to = append(to, address)
		}
	}
	return to, refusals
}

// bareAddress returns the address in name@host or Person <name@host>; the name
// may be quoted.
func bareAddress(entry string) (address string, ok bool) {
	if OneLine(entry, len(entry)) != entry {
		return "", false
	}
	if _, inner, found := strings.Cut(entry, "<"); found && strings.HasSuffix(inner, ">") {
		entry = strings.TrimSuffix(inner, ">")
	}
	at := strings.LastIndexByte(entry, '@')
	if at <= 0 || at == len(entry)-1 {
		return "", false
	}
	name, host := entry[:at], entry[at+1:]
	quoted := len(name) > 2 && strings.HasPrefix(name, `"`) && strings.HasSuffix(name, `"`)
	odd := func(r rune) bool { return r <= ' ' || r == 0x7f || strings.ContainsRune(`@,;<>()"`, r) }
	return entry, !strings.ContainsFunc(host, odd) && (quoted || !strings.ContainsFunc(name, odd))
}

// String returns "a writer".
func (p *Printer) String() string { return "a writer" }

// rule separates the mails.
const rule = "------------------------------------------------------------ mail"

// readable returns the mail with the headers that tell a person something.
func readable(m Message, to []string) string {
	var b strings.Builder
	b.WriteString(rule + "\n")
	if m.From != "" {
		fmt.Fprintf(&b, "From: %s\n", OneLine(m.From, maxSubject))
	}
	fmt.Fprintf(&b, "To: %s\n", strings.Join(to, ", "))
	if !m.Time.IsZero() {
		fmt.Fprintf(&b, "Date: %s\n", m.Time.Format(time.RFC1123Z))
	}
	fmt.Fprintf(&b, "Subject: %s\n\n%s", m.Subject, m.Body)
	return b.String()
}
