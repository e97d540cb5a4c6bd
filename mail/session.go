package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"slices"
	"strings"
	"time"

	"github.com/wneessen/go-mail/smtp"
)

const (
	// maxReplies is how much a server may say in one conversation. A real one
	// says a few kilobytes; one that never ends must not fill the memory.
	maxReplies = 1 << 20

	// farewell is how long a server may take to answer QUIT. The mail is
	// delivered by then, and nothing depends on the answer.
	farewell = time.Second
)

// session is a conversation with an SMTP server, ready for a mail.
type session struct {
	client *smtp.Client
	conn   net.Conn
}

// open greets the server, encrypts and logs in, as the target asks.
func (r *Relay) open(ctx context.Context, conn net.Conn) (*session, error) {
	t := r.target
	wire := conn
	if t.tls == implicit {
		encrypted := tls.Client(conn, r.tlsConfig())
		if err := encrypted.HandshakeContext(ctx); err != nil {
			return nil, fmt.Errorf("TLS: %w", err)
		}
		wire = encrypted
	}
	client, err := smtp.NewClient(wire, t.host)
	if err != nil {
		return nil, fmt.Errorf("greeting: %w", err)
	}
	if err := client.Hello(hostname()); err != nil {
		return nil, err
	}
	if err := r.startTLS(client); err != nil {
		return nil, fmt.Errorf("STARTTLS: %w", err)
	}
	if t.user != "" {
		if err := t.login(client); err != nil {
			return nil, fmt.Errorf("log in: %w", err)
		}
	}
	return &session{client: client, conn: conn}, nil
}

// startTLS encrypts the conversation where that is asked for and possible.
func (r *Relay) startTLS(client *smtp.Client) error {
	offered, _ := client.Extension("STARTTLS")
	switch r.target.tls {
	case required:
		if !offered {
			return errors.New("the server does not offer it; use smtps:// or tls=opportunistic")
		}
		return client.StartTLS(r.tlsConfig())
	case opportunistic:
		if offered {
			return client.StartTLS(r.tlsConfig())
		}
	case none, implicit:
	}
	return nil
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

// login proves who we are, by the first mechanism that both sides know.
func (t target) login(client *smtp.Client) error {
	if _, err := client.GetTLSConnectionState(); err != nil && !t.loopback() {
		return lastingf("the server offers no encryption, and the password is not sent without; use smtps://")
	}
	_, offer := client.Extension("AUTH")
	mechanisms := strings.Fields(offer)
	switch {
	case slices.Contains(mechanisms, "PLAIN"):
		return client.Auth(smtp.PlainAuth("", t.user, t.password, t.host, true))
	case slices.Contains(mechanisms, "LOGIN"):
		return client.Auth(smtp.LoginAuth(t.user, t.password, t.host, true))
	default:
		return lastingf("the server offers neither PLAIN nor LOGIN but %q; drop the user from the URL", offer)
	}
}

// transmit sends the mail to every recipient that the server takes.
func (s *session) transmit(e *envelope) error {
	s.client.SkipSMTPUTF8(!e.utf8)
	if err := s.client.Mail("<" + e.from + ">"); err != nil {
		return fmt.Errorf("MAIL FROM: %w", err)
	}
	refusals := slices.Clone(e.refusals)
	for _, to := range e.to {
		err := s.client.Rcpt("<" + to + ">")
		var reply *textproto.Error
		if errors.As(err, &reply) {
			reply.Msg = oneLine(reply.Msg, maxSubject)
			refusals = append(refusals, Refusal{To: to, Err: reply})
		} else if err != nil {
			return fmt.Errorf("RCPT TO: %w", err)
		}
	}
	if len(refusals)-len(e.refusals) < len(e.to) {
		if err := s.data(e.data); err != nil {
			return fmt.Errorf("DATA: %w", err)
		}
	}
	// From here on the mail is delivered, whatever becomes of the connection.
	if len(refusals) > 0 {
		return &RefusedError{Refusals: refusals}
	}
	return nil
}

// data sends header and body, and waits until the server has taken them.
func (s *session) data(content []byte) error {
	w, err := s.client.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write(content); err != nil {
		return err
	}
	return w.Close()
}

// hangUp ends the conversation as a polite client does.
func (s *session) hangUp() {
	_ = s.conn.SetDeadline(time.Now().Add(farewell))
	_ = s.client.Quit()
}

// metered is a connection that ends when the other side talks too much.
type metered struct {
	net.Conn
	left int
}

func (m *metered) Read(p []byte) (int, error) {
	if m.left <= 0 {
		return 0, fmt.Errorf("the server sent more than %d bytes: %w", maxReplies, io.ErrUnexpectedEOF)
	}
	n, err := m.Conn.Read(p[:min(len(p), m.left)])
	m.left -= n
	return n, err
}
