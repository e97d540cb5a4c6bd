package smtp_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
)

// pipes is a listener in memory.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes", Net: "unix"} }

// dial connects to who accepts.
func (p *pipes) dial() (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case p.conns <- theirs:
		return ours, nil
	case <-p.closed:
		return nil, errors.New("connection refused")
	}
}

// proxy stands between a client and a real server, speaks TLS with both, and breaks
// one step of the first conversations.
type proxy struct {
	server      *pipes
	certificate *tls.Config
	implicit    bool // TLS from the first byte

	step, fault string

	mu            sync.Mutex
	broken        int // conversations that are still to go wrong
	conversations int
}

func (p *proxy) dial(context.Context, string, string) (net.Conn, error) {
	client, ours := net.Pipe()
	p.mu.Lock()
	p.conversations++
	p.broken--
	broken := p.broken >= 0
	p.mu.Unlock()
	go (&conversation{proxy: p, broken: broken}).hold(ours)
	return client, nil
}

// conversation is that of one client.
type conversation struct {
	*proxy
	broken bool
	client net.Conn
	server net.Conn // nil: the proxy replies by itself
	lines  *bufio.Reader
	said   *bufio.Reader // by the server
	secure bool
	rcpt   int
}

func (c *conversation) hold(client net.Conn) {
	c.client = client
	defer func() { _ = c.client.Close() }()
	server, err := c.proxy.server.dial()
	if err != nil {
		return
	}
	c.server = server
	defer func() { _ = server.Close() }()
	c.lines, c.said = bufio.NewReader(c.client), bufio.NewReader(c.server)
	if c.implicit {
		c.encrypt()
	}
	goesOn := c.at("greeting", nil)
	for goesOn {
		line, err := c.lines.ReadString('\n')
		if err != nil {
			return
		}
		step := c.stepOf(line)
		goesOn = c.at(step, []byte(line)) && step != "QUIT"
	}
}

// encrypt speaks TLS from now on, with both.
func (c *conversation) encrypt() {
	c.secure = true
	c.client = tls.Server(c.client, c.certificate)
	c.server = tls.Client(c.server, &tls.Config{InsecureSkipVerify: true})
	c.lines, c.said = bufio.NewReader(c.client), bufio.NewReader(c.server)
}

// stepOf returns what a command is called in the matrix.
func (c *conversation) stepOf(line string) string {
	verb, _, _ := strings.Cut(strings.TrimSpace(strings.ToUpper(line)), " ")
	switch {
	case verb == "EHLO" && c.secure && !c.implicit:
		return "EHLO again"
	case verb == "RCPT":
		c.rcpt++
		return []string{"", "RCPT", "RCPT again"}[min(c.rcpt, 2)]
	case verb == "MAIL":
		c.rcpt = 0
	}
	return verb
}

// at hands a command over, and its reply back, unless that is what goes wrong. It
// reports whether the conversation goes on.
func (c *conversation) at(step string, command []byte) (goesOn bool) {
	hit := c.broken && step == c.step
	if hit && c.fault != "reply lost" {
		return c.fail(step)
	}
	reply, err := c.ask(step, command)
	if err != nil || hit {
		return false
	}
	if _, err := io.WriteString(c.client, reply); err != nil {
		return false
	}
	if step == "STARTTLS" && strings.HasPrefix(reply, "220") {
		c.encrypt()
	}
	if step == "DATA" && strings.HasPrefix(reply, "354") {
		text, err := c.text()
		return err == nil && c.at("end of data", text)
	}
	return true
}

// fail is the fault at a step.
func (c *conversation) fail(step string) (goesOn bool) {
	reply := "451 4.0.0 later\r\n"
	switch c.fault {
	case "5xx":
		reply = "554 5.0.0 no\r\n"
	case "silent":
		_, _ = io.Copy(io.Discard, c.lines)
		return false
	case "dropped":
		return false
	}
	if step == "end of data" || step == "greeting" { // where the server waits for more
		_ = c.server.Close()
		c.server = nil
	}
	_, err := io.WriteString(c.client, reply)
	return err == nil
}

// ask hands a command to the server, and returns its reply.
func (c *conversation) ask(step string, command []byte) (reply string, err error) {
	if c.server == nil {
		if step == "QUIT" {
			return "221 bye\r\n", nil
		}
		return "250 ok\r\n", nil
	}
	if len(command) > 0 {
		if _, err := c.server.Write(command); err != nil {
			return "", err
		}
	}
	for {
		line, err := c.said.ReadString('\n')
		reply += line
		if err != nil || len(line) > 3 && line[3] == ' ' {
			return reply, err
		}
	}
}

// text reads a mail.
func (c *conversation) text() (text []byte, err error) {
	for {
		line, err := c.lines.ReadBytes('\n')
		text = append(text, line...)
		if err != nil || string(line) == ".\r\n" {
			return text, err
		}
	}
}
