package sendmail

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"mime"
	"mime/quotedprintable"
	netmail "net/mail"
	"os/exec"
	"strings"
	"time"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/mail"
)

func init() {
	mail.Register("sendmail", func(url string) (mail.Sender, error) {
		_, path, _ := strings.Cut(url, ":")
		if path == "" {
			path = "sendmail"
		}
		return Command(path, "-t", "-i"), nil
	})
	mail.Register("command", func(url string) (mail.Sender, error) {
		_, path, _ := strings.Cut(url, ":")
		if path == "" {
			return nil, mail.Permanent(errors.New("mail: command: names no program; write command:/path/to/program"))
		}
		return Command(path), nil
	})
}

// The statuses of sysexits.h that say that the mail itself cannot be delivered.
const (
	exNoUser = 67 // addressee unknown
	exNoHost = 68 // host name unknown
	exNoPerm = 77 // permission denied
	exUsage  = 64 // used incorrectly
	exData   = 65 // format error
)

// folders are where sendmail is when it is not on the path: /usr/sbin is not on
// that of most users.
var folders = []string{"/usr/sbin/", "/usr/lib/", "/usr/local/sbin/"}

// waitDelay is how long a program may keep its output open after it was killed.
const waitDelay = time.Second

// maxOutput is how much of what a program says is told.
const maxOutput = 300

// Program is a mail.Sender that runs a program for each mail, which reads the
// message with all its headers, To among them, from its standard input. Command
// makes one.
type Program struct {
	path string
	args []string
}

var _ mail.Sender = (*Program)(nil)

// Command returns a sender that runs a program with these arguments. A name
// without a slash is looked for on the path, and sendmail in its usual folders.
func Command(path string, args ...string) *Program { return &Program{path: path, args: args} }

// Check tells whether the program is there and can be executed.
func (p *Program) Check() error {
	_, err := p.find()
	return err
}

func (p *Program) find() (string, error) {
	path, err := exec.LookPath(p.path)
	for _, dir := range folders {
		if err != nil && p.path == "sendmail" {
			path, err = exec.LookPath(dir + p.path)
		}
	}
	if err != nil {
		return "", mail.Permanent(fmt.Errorf("mail: %w: install it, or name its path", err))
	}
	return path, nil
}

// String returns the program's name; arguments may hold secrets.
func (p *Program) String() string { return "the program " + mail.OneLine(p.path, maxOutput) }

// Send runs the program, and waits until it has ended; it is killed when ctx is
// done.
func (p *Program) Send(ctx context.Context, m mail.Message) error {
	if ctx.Err() != nil {
		return fmt.Errorf("mail: run %s: %w", p.path, context.Cause(ctx))
	}
	path, err := p.find()
	if err != nil {
		return err
	}
	text, refusals, err := render(m)
	if err != nil {
		return fmt.Errorf("mail: run %s: %w", p.path, err)
	}
	cmd := exec.CommandContext(ctx, path, p.args...)
	cmd.WaitDelay = waitDelay
	cmd.Stdin = bytes.NewReader(text)
	output, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case err == nil && len(refusals) > 0:
		return fmt.Errorf("mail: run %s: %w", p.path, &mail.RefusedError{Refusals: refusals})
	case err == nil:
		return nil
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	case errors.As(err, &exit) && lasting(exit.ExitCode()):
		err = mail.Permanent(err)
	}
	return fmt.Errorf("mail: run %s: %w: %s", p.path, err, mail.OneLine(string(output), maxOutput))
}

// lasting reports whether a status says that another try does not help.
func lasting(status int) bool {
	switch status {
	case exNoUser, exNoHost, exNoPerm, exUsage, exData:
		return true
	default:
		return false
	}
}

// render returns header and body, with lines that end as on Unix.
func render(m mail.Message) (text []byte, refusals []mail.Refusal, err error) {
	m = m.Clean()
	var to []string
	for _, entry := range m.To {
		address, err := netmail.ParseAddress(entry)
		if err != nil {
			refusals = append(refusals, mail.Refusal{
				To: mail.OneLine(entry, maxOutput), Err: mail.Permanent(errors.New("no mail address; write name@host")),
			})
			continue
		}
		to = append(to, address.String())
	}
	switch {
	case len(to) == 0 && len(refusals) > 0:
		return nil, nil, &mail.RefusedError{Refusals: refusals}
	case len(to) == 0:
		return nil, nil, mail.Permanent(errors.New("the message has no recipient"))
	}
	var b bytes.Buffer
	header := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%s: %s\n", name, value)
		}
	}
	if from, err := netmail.ParseAddress(m.From); err == nil {
		header("From", from.String())
	} else if m.From != "" {
		return nil, nil, mail.Permanent(fmt.Errorf("sender %q is no mail address", mail.OneLine(m.From, maxOutput)))
	}
	header("To", strings.Join(to, ",\n "))
	header("Subject", mime.QEncoding.Encode("utf-8", m.Subject))
	if m.Time.IsZero() {
		m.Time = clockwork.Real().Wall()
	}
	header("Date", m.Time.Format(time.RFC1123Z))
	threads(header, m)
	header("Auto-Submitted", "auto-generated")
	header("MIME-Version", "1.0")
	header("Content-Type", "text/plain; charset=UTF-8")
	header("Content-Transfer-Encoding", "quoted-printable")
	b.WriteString("\n")
	w := quotedprintable.NewWriter(&b)
	if _, err := w.Write([]byte(m.Body)); err != nil {
		return nil, nil, err
	}
	err = w.Close()
	return bytes.ReplaceAll(b.Bytes(), []byte("\r\n"), []byte("\n")), refusals, err
}

// threads writes the headers that put a mail into its thread.
func threads(header func(name, value string), m mail.Message) {
	if m.ID != "" {
		header("Message-ID", "<"+m.ID+">")
	}
	if n := len(m.References); n > 0 {
		header("In-Reply-To", "<"+m.References[n-1]+">")
		header("References", "<"+strings.Join(m.References, "> <")+">")
	}
}
