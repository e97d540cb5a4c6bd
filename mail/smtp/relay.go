package smtp

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/mail"
)

// DefaultTimeout bounds a delivery where the context has no Deadline, as
// those of clockwork.WithTimeout, and the URL no timeout.
const DefaultTimeout = 30 * time.Second

// quitTimeout is how long a server may take to answer QUIT. The mail is
// delivered by then, and nothing depends on the answer.
const quitTimeout = time.Second

// Relay is a mail.Sender that hands mail to an SMTP server (RFC 5321). Server
// makes one. Its fields may be set before it is first used.
type Relay struct {
	// RootCAs are the authorities whose certificates the server may show. Nil
	// means those of the machine.
	RootCAs *x509.CertPool

	// Dial connects to the server; the network is "tcp". Nil means a
	// net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	// Clock is for the time-outs, and for the Date of a message that has none.
	// Nil means clockwork.Real().
	Clock clockwork.Clock

	target target
	err    error // what is wrong with the URL
}

var _ mail.Sender = (*Relay)(nil)

// Server returns a sender that hands each mail to the server that the URL names:
//
//	smtp://[user:password@]host[:port][?option=value&…]
//	smtps://[user:password@]host[:port][?option=value&…]
//
// smtp has port 25 and uses STARTTLS; smtps has port 465 and speaks TLS from the
// first byte. The options:
//
//	tls=required        no delivery unless encrypted and the certificate is
//	                    trusted; the default, except to this machine itself
//	tls=opportunistic   smtp only: encrypt if the server can; the default to
//	                    localhost and loopback addresses
//	tls=none            smtp only: plain text
//	from=name@host      the sender where a message names none; evertick@ and
//	                    the machine's name otherwise
//	timeout=10s         bounds one delivery; DefaultTimeout if neither this nor
//	                    a Deadline of the context is given
//
// With a user, the relay logs in by PLAIN or LOGIN, and refuses to send the
// password unless the connection is encrypted and the certificate trusted; to
// localhost and loopback addresses it is sent as it is. Without a user,
// opportunistic encryption does not look at the certificate (RFC 7435): it is
// better than the plain text that would be the alternative.
//
// A URL that cannot be used is reported by Check, and by each Send.
func Server(url string) *Relay {
	t, err := parse(url)
	return &Relay{target: t, err: mail.Permanent(err)}
}

// Check reports what is wrong with the URL, in one line that says what to
// write instead.
func (r *Relay) Check() error {
	if r.err == nil && r.target.host == "" {
		return mail.Permanent(errors.New("mail: a Relay without a server; make it with smtp.Server"))
	}
	return r.err
}

// String returns scheme, host and port.
func (r *Relay) String() string {
	if r.Check() != nil {
		return "an unusable SMTP URL"
	}
	return r.target.String()
}

// Send connects, delivers m and quits. Each call has a connection of its
// own. It blocks at most until ctx is done, or for the timeout of the URL.
func (r *Relay) Send(ctx context.Context, m mail.Message) error {
	if err := r.Check(); err != nil {
		return err
	}
	e, err := r.envelope(m)
	if err != nil {
		return fmt.Errorf("mail: send through %s: %w", r, err)
	}
	ctx, cancel := r.bound(ctx)
	defer cancel()
	if err := r.deliver(ctx, e); err != nil {
		return r.explain(ctx, err)
	}
	return nil
}

func (r *Relay) clock() clockwork.Clock {
	if r.Clock == nil {
		return clockwork.Real()
	}
	return r.Clock
}

// bound returns ctx with the limit of one delivery.
func (r *Relay) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	limit := r.target.timeout
	if _, bounded := ctx.Deadline(); limit == 0 && !bounded {
		limit = DefaultTimeout
	}
	if limit == 0 {
		return ctx, func() {}
	}
	return clockwork.WithTimeout(ctx, r.clock(), limit)
}

// deliver holds the conversation with the server.
func (r *Relay) deliver(ctx context.Context, e *envelope) error {
	conn, err := r.dial(ctx)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer conn.Close()
	// Closing the connection is what ends every read and write of it.
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()

	session, err := r.openSession(ctx, conn)
	if err != nil {
		return err
	}
	defer func() {
		_ = conn.SetDeadline(r.clock().Now().Add(quitTimeout))
		_ = session.Quit()
	}()
	return e.transmit(session)
}
