package memcache

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"strings"

	gomemcache "github.com/bradfitz/gomemcache/memcache"
)

// link is gomemcache on one connection, so that a command can be bound to a
// context, and that it is known what has become of it.
type link struct {
	conn   *conn
	client *gomemcache.Client
	opened uint64 // its number among the connections to that server
	old    bool   // it was used before
	given  bool   // gomemcache has the connection
	addr   net.Addr
}

type address string

func (address) Network() string  { return "tcp" }
func (a address) String() string { return string(a) }

func newLink(c net.Conn, server string, opened uint64) *link {
	l := &link{conn: &conn{Conn: c}, opened: opened, addr: address(server)}
	l.client = gomemcache.NewFromSelector(l)
	l.client.DialContext = l.connect
	l.client.Timeout = math.MaxInt64 // the command's context is its limit
	l.client.MaxIdleConns = 1
	return l
}

// PickServer is gomemcache's: there is one.
func (l *link) PickServer(string) (net.Addr, error) { return l.addr, nil }

// Each is gomemcache's: there is one.
func (l *link) Each(f func(net.Addr) error) error { return f(l.addr) }

// connect gives gomemcache the connection, once.
func (l *link) connect(context.Context, string, string) (net.Conn, error) {
	if l.given {
		return nil, net.ErrClosed
	}
	l.given = true
	return l.conn, nil
}

// run carries out one command, and returns nil, one of the errors of this
// package, or a *failure.
func (l *link) run(command func(*gomemcache.Client) error) (err error) {
	l.conn.begin()
	defer func() {
		// gomemcache cuts a line that it takes to end in \r\n.
		if recover() != nil {
			l.conn.Close()
			err = l.protocol()
		}
	}()
	return l.judge(command(l.client))
}

// judge makes the package's own error of gomemcache's.
func (l *link) judge(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, gomemcache.ErrCacheMiss):
		return ErrMiss
	case errors.Is(err, gomemcache.ErrNotStored):
		return ErrNotStored
	case errors.Is(err, gomemcache.ErrCASConflict):
		return ErrConflict
	case errors.Is(err, gomemcache.ErrMalformedKey):
		return ErrKey
	case l.conn.broken != nil:
		return &failure{lost: l.conn.sent, old: l.old, err: l.conn.broken}
	}
	said := l.said()
	switch {
	case strings.Contains(said, "Too many open connections"):
		// It says so instead of accepting the connection.
		return &failure{err: errors.New("the server has too many open connections")}
	case strings.HasPrefix(said, "SERVER_ERROR "), strings.HasPrefix(said, "CLIENT_ERROR "), said == "ERROR":
		return fmt.Errorf("%w: %s", ErrServer, said)
	}
	return l.protocol()
}

func (l *link) protocol() error { return fmt.Errorf("%w: it says %q", ErrProtocol, l.said()) }

// said returns the first line of the answer.
func (l *link) said() string {
	line, _, _ := bytes.Cut(l.conn.said, []byte("\n"))
	return string(bytes.TrimRight(line, "\r"))
}

// usable reports whether the next command may use the connection after an error.
func usable(err error) bool {
	for _, answer := range []error{ErrMiss, ErrNotStored, ErrConflict, ErrAmbiguous} {
		if errors.Is(err, answer) {
			return true
		}
	}
	return err == nil
}

// get reads one item.
func (l *link) get(key, name string, opened uint64) (Item, error) {
	var item Item
	err := l.run(func(g *gomemcache.Client) error {
		it, err := g.Get(key)
		if err == nil && it.Key != key {
			return errOtherKey
		}
		if err == nil {
			item = received(name, it, opened)
		}
		return err
	})
	return item, err
}

var errOtherKey = errors.New("the answer is about another key")

// attend runs f, and ends it together with the context by closing the
// connection. It reports whether the connection is still open.
func (l *link) attend(ctx context.Context, f func() error) (open bool, err error) {
	stop := context.AfterFunc(ctx, func() { l.conn.Close() })
	err = f()
	return stop(), err
}
