package memcache

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"net"
	"os"
	"strings"
	"time"

	"github.com/evertick/evertick/clockwork"
)

const (
	defaultTimeout        = 3 * time.Second
	defaultAttemptTimeout = time.Second
	defaultMaxIdle        = 8
	defaultPort           = "11211"
)

// Options are the settings of a client. The zero value is a useful one.
type Options struct {
	// Timeout is how long one call goes on trying. Zero means 3 s; negative
	// means until the caller's context ends.
	Timeout time.Duration

	// AttemptTimeout is how long a server may take to answer before the
	// connection is given up for another one. Zero means 1 s; negative means
	// that there is no such limit.
	AttemptTimeout time.Duration

	// MaxIdle is how many connections to each server stay open for the next
	// commands. Zero means 8; negative means none.
	MaxIdle int

	// VersionAge is how long the version of a namespace may be taken from memory,
	// which saves a question to the server with each command: so long other
	// clients still see what FlushNamespace has dropped. Zero or negative means
	// that the server is always asked.
	VersionAge time.Duration

	// Name tells this client's pauses between attempts apart from those of
	// others, so that a fleet does not act as one. Empty means the host and the
	// PID.
	Name string

	// Dial connects to a server, such as that of net.Dialer. Nil is that one.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	// Clock is what the client waits by; nil is the real one.
	Clock clockwork.Clock
}

// Client is a client of one or several servers. It starts no goroutine that
// outlives a call. It is safe for concurrent use.
type Client struct {
	options Options
	pools   []*pool
	space   *namespace // nil for none
	refused error      // why no command can work
}

// New returns a client of the servers, each host:port or a host alone, whose port
// is then 11211. It connects when it is used. What is wrong with the servers,
// each command tells.
func New(servers []string, options Options) *Client {
	c := &Client{options: options.complete()}
	if len(servers) == 0 {
		c.refused = errors.New("no server is named")
	}
	for _, server := range servers {
		address, err := Address(server)
		if err != nil {
			c.refused = err
			continue
		}
		c.pools = append(c.pools, &pool{address: address, dial: c.options.Dial, maxIdle: c.options.MaxIdle})
	}
	return c
}

func (o Options) complete() Options {
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	if o.AttemptTimeout == 0 {
		o.AttemptTimeout = defaultAttemptTimeout
	}
	if o.MaxIdle == 0 {
		o.MaxIdle = defaultMaxIdle
	}
	if o.Clock == nil {
		o.Clock = clockwork.Real()
	}
	if o.Dial == nil {
		o.Dial = dial
	}
	if o.Name == "" {
		host, _ := os.Hostname()
		o.Name = fmt.Sprint(host, os.Getpid())
	}
	return o
}

// Address returns a server's address with its port, or an error that says what is
// wrong with it.
func Address(server string) (string, error) {
	if strings.ContainsFunc(server, blank) || strings.ContainsAny(server, "/@?#") {
		return "", fmt.Errorf("the server %q is no address: write host:port", server)
	}
	host, port, err := net.SplitHostPort(server)
	if err != nil && !strings.Contains(strings.Trim(server, "[]"), ":") || strings.HasSuffix(server, "]") {
		host, port, err = strings.Trim(server, "[]"), defaultPort, nil
	}
	if err != nil || host == "" {
		return "", fmt.Errorf("the server %q is no address: write host:port", server)
	}
	if n, err := net.LookupPort("tcp", port); err != nil || n == 0 {
		return "", fmt.Errorf("the server %q has no port from 1 to 65535", server)
	}
	return net.JoinHostPort(host, port), nil
}

// WithTimeout returns the same client with another time-out, see Options.Timeout.
// The two share their connections.
func (c *Client) WithTimeout(d time.Duration) *Client {
	other := *c
	other.options.Timeout = d
	other.options = other.options.complete()
	return &other
}

// Server returns the address of the server that has a key, namespaces apart;
// empty where there is none.
func (c *Client) Server(key string) string {
	if c.refused != nil {
		return ""
	}
	return c.pool(key).address
}

// pool chooses the server of a key as gomemcache does, so that both find each
// other's items.
func (c *Client) pool(key string) *pool {
	if len(c.pools) == 1 {
		return c.pools[0]
	}
	return c.pools[crc32.ChecksumIEEE([]byte(key))%uint32(len(c.pools))]
}

// Close closes the connections that nobody uses right now. The client opens
// others when it is used again.
func (c *Client) Close() error {
	for _, p := range c.pools {
		p.clear()
	}
	return nil
}
