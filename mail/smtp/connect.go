package smtp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"
	gosmtp "github.com/wneessen/go-mail/smtp"

	"github.com/evertick/evertick/mail"
)

const (
	// maxReplies is how much a server may say in one conversation. A real one
	// says a few kilobytes; one that never ends must not fill the memory.
	maxReplies = 1 << 20

	// sessionLimit keeps go-mail's own time-out, which is by the machine's
	// clock, out of the way: the context ends a delivery.
	sessionLimit = 365 * 24 * time.Hour

	// noStartTLS is in go-mail's error where a server does not offer STARTTLS
	// and must; there is no value to compare with.
	noStartTLS = "does not support STARTTLS"
)

// dial connects to the server. What the server says is limited.
func (r *Relay) dial(ctx context.Context) (net.Conn, error) {
	dial := r.Dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	conn, err := dial(ctx, "tcp", r.target.address())
	if err != nil {
		return nil, err
	}
	return &limitedConn{Conn: conn, left: maxReplies}, nil
}

// openSession greets the server over conn, encrypts and logs in, as the URL asks.
func (r *Relay) openSession(ctx context.Context, conn net.Conn) (*gosmtp.Client, error) {
	t := r.target
	if t.tls == implicit {
		encrypted := tls.Client(conn, r.tlsConfig())
		if err := encrypted.HandshakeContext(ctx); err != nil {
			return nil, fmt.Errorf("TLS: %w", err)
		}
		conn = encrypted
	}
	var auth gomail.Option
	if t.user != "" {
		auth = gomail.WithSMTPAuthCustom(&login{target: t})
	}
	session, err := dialSession(ctx, t.host,
		gomail.WithDialContextFunc(func(context.Context, string, string) (net.Conn, error) { return conn, nil }),
		gomail.WithTimeout(sessionLimit),
		gomail.WithHELO(hostname()),
		gomail.WithTLSPolicy(t.startTLS()),
		gomail.WithTLSConfig(r.tlsConfig()),
		auth,
	)
	switch {
	case err == nil:
		return session, nil
	case t.tls == required && strings.Contains(err.Error(), noStartTLS):
		return nil, errors.New("the server does not offer STARTTLS; use smtps:// or tls=opportunistic")
	default:
		return nil, fmt.Errorf("greeting, STARTTLS or login: %w", err)
	}
}

// dialSession opens a session through go-mail's Client. NewClient fails where
// the machine's name cannot be read, before it looks at the options, one of
// which gives it a name; so they are applied here.
func dialSession(ctx context.Context, host string, options ...gomail.Option) (*gosmtp.Client, error) {
	client, _ := gomail.NewClient(host)
	for _, option := range options {
		if option == nil {
			continue
		}
		if err := option(client); err != nil {
			return nil, err
		}
	}
	return client.DialToSMTPClientWithContext(ctx)
}

// startTLS returns go-mail's word for when to use STARTTLS.
func (t target) startTLS() gomail.TLSPolicy {
	switch t.tls {
	case required:
		return gomail.TLSMandatory
	case opportunistic:
		return gomail.TLSOpportunistic
	default:
		return gomail.NoTLS
	}
}

// tlsConfig verifies the server wherever that makes a difference: where only
// encrypted delivery will do, or where a password goes over the network.
func (r *Relay) tlsConfig() *tls.Config {
	t := r.target
	secret := t.user != "" && !t.loopback()
	return &tls.Config{
		ServerName:         t.host,
		RootCAs:            r.RootCAs,
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: t.tls == opportunistic && !secret && r.RootCAs == nil,
	}
}

// login is the first mechanism that both sides know. Start chooses it; Next is
// the chosen one's.
type login struct {
	gosmtp.Auth
	target target
}

// Start refuses to send the password in plain text over a network.
func (l *login) Start(server *gosmtp.ServerInfo) (mechanism string, first []byte, err error) {
	t := l.target
	switch {
	case !server.TLS && !t.loopback():
		return "", nil, mail.Permanent(errors.New(
			"the server offers no encryption, and the password is not sent without; use smtps://"))
	case slices.Contains(server.Auth, "PLAIN"):
		l.Auth = gosmtp.PlainAuth("", t.user, t.password, t.host, true)
	case slices.Contains(server.Auth, "LOGIN"):
		l.Auth = gosmtp.LoginAuth(t.user, t.password, t.host, true)
	default:
		return "", nil, mail.Permanent(fmt.Errorf(
			"the server offers neither PLAIN nor LOGIN but %q; drop the user from the URL", strings.Join(server.Auth, " ")))
	}
	return l.Auth.Start(server)
}

// limitedConn is a connection that ends when the other side says too much.
type limitedConn struct {
	net.Conn
	left int
}

func (c *limitedConn) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, fmt.Errorf("the server sent more than %d bytes: %w", maxReplies, io.ErrUnexpectedEOF)
	}
	n, err := c.Conn.Read(p[:min(len(p), c.left)])
	c.left -= n
	return n, err
}
