package mailtest

import (
	"crypto/tls"
	"io"
	"mime"
	"mime/quotedprintable"
	"net"
	netmail "net/mail"
	"strings"
	"sync"
	"time"

	"github.com/evertick/evertick/mail"
)

// listener accepts connections that the server can close at a chosen moment.
type listener struct {
	net.Listener
	server *Server
}

func (l *listener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		l.server.mu.Lock()
		l.server.opened++
		drop := l.server.behaviour.Drop
		l.server.mu.Unlock()
		if drop != OnConnect {
			return &wire{Conn: conn}, nil
		}
		_ = conn.Close()
	}
}

// wire is a connection, below TLS.
type wire struct {
	net.Conn
	mu      sync.Mutex
	closing bool // close after the next write
}

// wireOf returns the wire below c.
func wireOf(c net.Conn) *wire {
	if encrypted, ok := c.(*tls.Conn); ok {
		c = encrypted.NetConn()
	}
	return c.(*wire)
}

func (w *wire) closeAfterWrite() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closing = true
}

func (w *wire) Write(p []byte) (int, error) {
	n, err := w.Conn.Write(p)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closing {
		_ = w.Close()
	}
	return n, err
}

// watch closes gone when the client hangs up, and stops watching with forget.
// Nobody else may read from the wire between the two.
func (w *wire) watch() (gone <-chan struct{}, forget func()) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = w.Conn.Read(make([]byte, 1))
	}()
	return ended, func() {
		_ = w.SetReadDeadline(time.Unix(1, 0)) // at once
		<-ended
		_ = w.SetReadDeadline(time.Time{})
	}
}

// decode reads what a mail program would show of a mail.
func decode(r io.Reader) (mail.Message, error) {
	parsed, err := netmail.ReadMessage(r)
	if err != nil {
		return mail.Message{}, err
	}
	body := parsed.Body
	if strings.EqualFold(parsed.Header.Get("Content-Transfer-Encoding"), "quoted-printable") {
		body = quotedprintable.NewReader(body)
	}
	text, err := io.ReadAll(body)
	if err != nil {
		return mail.Message{}, err
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(parsed.Header.Get("Subject"))
	if err != nil {
		return mail.Message{}, err
	}
	m := mail.Message{
		Subject: subject,
		Body:    strings.ReplaceAll(string(text), "\r\n", "\n"),
	}
	if from, err := parsed.Header.AddressList("From"); err == nil && len(from) > 0 {
		m.From = from[0].Address
	}
	if date, err := parsed.Header.Date(); err == nil {
		m.Time = date
	}
	return m, nil
}
