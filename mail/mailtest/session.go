package mailtest

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// session is one client's conversation with the server.
type session struct {
	server   *Server
	conn     *smtp.Conn
	loggedIn bool
	to       []string
}

// A login is offered only by a session that has these two methods more.
type sessionWithLogin struct{ *session }

var _ smtp.AuthSession = sessionWithLogin{}

func (s *Server) session(c *smtp.Conn) (smtp.Session, error) {
	one := &session{server: s, conn: c}
	if s.config.User == "" {
		return one, nil
	}
	return sessionWithLogin{one}, nil
}

func (s sessionWithLogin) AuthMechanisms() []string { return s.server.config.Mechanisms }

func (s sessionWithLogin) Auth(mechanism string) (sasl.Server, error) {
	if !slices.Contains(s.server.config.Mechanisms, mechanism) {
		return nil, smtp.ErrAuthUnknownMechanism
	}
	if mechanism == sasl.Plain {
		return sasl.NewPlainServer(func(_, user, password string) error { return s.checkLogin(user, password) }), nil
	}
	return &login{check: s.checkLogin}, nil
}

// checkLogin compares a login with the server's.
func (s *session) checkLogin(user, password string) error {
	c := s.server.config
	if user != c.User || password != c.Password {
		if text := s.server.now().Text; text != "" {
			return refusal(535, text)
		}
		return smtp.ErrAuthFailed
	}
	s.loggedIn = true
	return nil
}

func (s *session) Mail(string, *smtp.MailOptions) error {
	if s.server.config.User != "" && !s.loggedIn {
		return smtp.ErrAuthRequired
	}
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	b := s.server.now()
	if code := b.Recipients[to]; code != 0 {
		return refusal(code, b.Text)
	}
	s.to = append(s.to, to)
	return nil
}

func (s *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	wire := wireOf(s.conn.Conn())
	b := s.server.now()
	s.server.delay(b.Delay, wire)
	switch {
	case b.Drop == BeforeReply:
		_ = wire.Close()
		return errors.New("hung up")
	case b.Code != 0:
		return refusal(b.Code, b.Text)
	}
	if b.Drop == AfterReply {
		wire.closeAfterWrite()
	}
	return s.server.take(slices.Clone(s.to), raw)
}

func (s *session) Reset()        { s.to = nil }
func (s *session) Logout() error { return nil }

// refusal is a reply with the code.
func refusal(code int, text string) *smtp.SMTPError {
	if text == "" {
		text = fmt.Sprintf("refused with %d", code)
	}
	return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{code / 100, 0, 0}, Message: text}
}

// login is the server's side of AUTH LOGIN, an old draft that became common:
// draft-murchison-sasl-login.
type login struct {
	check func(user, password string) error
	user  string
	asked int
}

// Next asks for the name, then for the password.
func (l *login) Next(response []byte) (challenge []byte, done bool, err error) {
	l.asked++
	switch {
	case l.asked == 1 && response == nil:
		return []byte("Username:"), false, nil
	case l.asked == 1 || l.asked == 2 && l.user == "":
		l.user = string(response)
		return []byte("Password:"), false, nil
	default:
		return nil, true, l.check(l.user, string(response))
	}
}
