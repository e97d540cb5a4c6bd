package mailtest

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/mail"
)

// Encryption says how a Server speaks TLS.
type Encryption int

const (
	// PlainText is a server without TLS.
	PlainText Encryption = iota

	// StartTLS is a server that offers STARTTLS.
	StartTLS

	// ImplicitTLS is a server that speaks TLS from the first byte.
	ImplicitTLS
)

// Config declares a Server. The zero value is a server in plain text that asks
// for no login.
type Config struct {
	// Encryption is how the server speaks TLS. Its certificate is for
	// localhost and the loopback addresses; Server.RootCAs trusts it.
	Encryption Encryption

	// User and Password are the login that the server insists on. No user
	// means that it offers none.
	User, Password string

	// Listener is where clients come from. Nil means a free port of the loopback
	// address. A test in a synctest bubble has one of its own, in memory.
	Listener net.Listener

	// Mechanisms are the ways to log in, out of PLAIN and LOGIN. Nil means
	// both.
	Mechanisms []string
}

// Behaviour is what a Server does with a mail. The zero value takes it.
type Behaviour struct {
	// Code refuses every mail after its text was sent: 4xx for now, 5xx for
	// good. Zero takes it.
	Code int

	// Text goes with each refusal. Empty means a text that names the code.
	Text string

	// Recipients refuses single recipients: a reply code for an address.
	Recipients map[string]int

	// Drop is when the server hangs up on its client.
	Drop Drop

	// Delay is how long the server waits before it replies to the text of a
	// mail. It ends early when the server is closed or the client hangs up.
	Delay time.Duration
}

// Drop is when a Server hangs up on its client.
type Drop int

const (
	// Never hangs up by itself.
	Never Drop = iota

	// OnConnect hangs up before a word is said.
	OnConnect

	// BeforeReply hangs up after the text of the mail, which it forgets.
	BeforeReply

	// AfterReply takes the mail, says so, and hangs up.
	AfterReply
)

// Server is a real SMTP server on a loopback port. It is safe for concurrent
// use.
type Server struct {
	config  Config
	address string
	closed  chan struct{}

	mu        sync.Mutex
	behaviour Behaviour
	received  []mail.Message
	raw       []string
	opened    int
}

// Serve starts a server that lives until the test ends.
func Serve(t testing.TB, c Config) *Server {
	t.Helper()
	if c.Mechanisms == nil {
		c.Mechanisms = []string{"PLAIN", "LOGIN"}
	}
	socket := c.Listener
	if socket == nil {
		var err error
		if socket, err = new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0"); err != nil {
			t.Fatalf("mailtest: %v", err)
		}
	}
	s := &Server{config: c, address: socket.Addr().String(), closed: make(chan struct{})}

	server := smtp.NewServer(smtp.BackendFunc(s.session))
	server.Domain = "mailtest"
	server.AllowInsecureAuth = true
	server.EnableSMTPUTF8 = true
	server.ErrorLog = log.New(io.Discard, "", 0)
	if c.Encryption == StartTLS {
		server.TLSConfig = serverTLS(t)
	}
	var accept net.Listener = &listener{Listener: socket, server: s}
	if c.Encryption == ImplicitTLS {
		accept = tls.NewListener(accept, serverTLS(t))
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve(accept)
	}()
	t.Cleanup(func() {
		close(s.closed)
		_ = socket.Close()
		_ = server.Close()
		<-ended
	})
	return s
}

// URL returns the server's address as smtp.Server takes it, with the login.
func (s *Server) URL() string {
	u := url.URL{Scheme: "smtp", Host: s.address}
	if s.config.Encryption == ImplicitTLS {
		u.Scheme = "smtps"
	}
	if s.config.User != "" {
		u.User = url.UserPassword(s.config.User, s.config.Password)
	}
	return u.String()
}

// Address returns host and port.
func (s *Server) Address() string { return s.address }

// RootCAs returns what trusts the certificate of every Server of this process.
func (s *Server) RootCAs() *x509.CertPool { return rootCAs() }

// ServerTLS returns the server's side of TLS, with the certificate that RootCAs
// trusts, for a test that stands between client and server.
func (s *Server) ServerTLS(t testing.TB) *tls.Config { return serverTLS(t) }

// Behave sets what happens to the mails from now on.
func (s *Server) Behave(b Behaviour) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.behaviour = b
}

// Received returns the mails that the server took, in their order: To is the
// envelope's, the other fields are what the headers say.
func (s *Server) Received() []mail.Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.received)
}

// Raw returns the same mails as they came, header and body.
func (s *Server) Raw() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.raw)
}

// Connections returns how many connections were made so far.
func (s *Server) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.opened
}

func (s *Server) now() Behaviour {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.behaviour
}

// take stores a mail.
func (s *Server) take(to []string, raw []byte) error {
	m, err := decode(bytes.NewReader(raw))
	if err != nil {
		return err
	}
	m.To = to
	s.mu.Lock()
	defer s.mu.Unlock()
	s.received = append(s.received, m)
	s.raw = append(s.raw, string(raw))
	return nil
}

// delay waits for d, unless the server is closed or the client gone before.
func (s *Server) delay(d time.Duration, w *wire) {
	if d <= 0 {
		return
	}
	gone, forget := w.watch()
	defer forget()
	timer := clockwork.Real().NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C():
	case <-s.closed:
	case <-gone:
	}
}
