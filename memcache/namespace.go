package memcache

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"
)

// namespace is a part of all keys that belongs to one client. Its version is an
// item of its own. A version that the server has lost is followed by a new one,
// and none is ever used twice, so that what was flushed does not come back.
type namespace struct {
	name string

	mu      sync.Mutex // held for instants only
	version string     // as it was read last; empty: never
	asked   time.Time  // when
}

// Namespace returns a client whose keys are apart from those of all other
// namespaces and of clients without one. The name has at most 100 bytes and no
// colon; what is wrong with it, each command tells. The two clients share their
// connections.
func (c *Client) Namespace(name string) *Client {
	other := *c
	other.space = &namespace{name: name}
	if err := checkNamespace(name); err != nil && other.refused == nil {
		other.refused = err
	}
	return &other
}

// FlushNamespace drops all items of the client's namespace, for every client of
// it. A client without a namespace is refused.
func (c *Client) FlushNamespace(ctx context.Context) error {
	if c.space == nil {
		return &Error{Op: "flush namespace", Err: errors.New("the client has none: see Client.Namespace")}
	}
	ctx = c.limit(ctx)
	version := newVersion()
	// What others have done to it meanwhile was a flush, too.
	err := c.bare().Set(ctx, Item{Key: c.space.key(), Value: []byte(version)})
	if err != nil {
		return err
	}
	c.space.remember(version, c.options.Clock.Now())
	return nil
}

// key is where the version is kept. No key of a namespace is like it, because a
// version is never empty.
func (n *namespace) key() string { return n.name + "::version" }

func (n *namespace) remember(version string, now time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.version, n.asked = version, now
}

func (n *namespace) remembered(now time.Time, age time.Duration) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if age <= 0 || now.Sub(n.asked) >= age {
		return ""
	}
	return n.version
}

// bare returns the client without a namespace.
func (c *Client) bare() *Client {
	other := *c
	other.space = nil
	return &other
}

// prefix returns what is put before each key.
func (c *Client) prefix(ctx context.Context) (string, error) {
	if c.space == nil || c.refused != nil {
		return "", nil
	}
	now := c.options.Clock.Now()
	version := c.space.remembered(now, c.options.VersionAge)
	if version == "" {
		var err error
		if version, err = c.askVersion(ctx); err != nil {
			return "", err
		}
		c.space.remember(version, now)
	}
	return c.space.name + ":" + version + ":", nil
}

// askVersion reads the version, or makes the first one.
func (c *Client) askVersion(ctx context.Context) (string, error) {
	bare, key := c.bare(), c.space.key()
	for {
		item, err := bare.Get(ctx, key)
		switch {
		case err == nil && version(string(item.Value)):
			return string(item.Value), nil
		case err == nil:
			return "", &Error{
				Op: "get", Key: key, Server: bare.Server(key),
				Err: fmt.Errorf("there is %.40q, which is no version of a namespace: delete the key", item.Value),
			}
		case !errors.Is(err, ErrMiss):
			return "", err
		}
		first := newVersion()
		err = bare.Add(ctx, Item{Key: key, Value: []byte(first), Unique: true})
		if err == nil {
			return first, nil
		}
		if !errors.Is(err, ErrNotStored) {
			return "", err
		}
	}
}

// newVersion returns a version that no namespace has had.
func newVersion() string {
	var random [8]byte
	_, _ = rand.Read(random[:]) // never fails
	return "v" + strconv.FormatUint(binary.BigEndian.Uint64(random[:]), 36)
}

func version(s string) bool {
	rest, ok := strings.CutPrefix(s, "v")
	_, err := strconv.ParseUint(rest, 36, 64)
	return ok && err == nil
}

// full returns a key as it is sent.
func (c *Client) full(ctx context.Context, op, key string) (string, error) {
	if err := CheckKey(key); err != nil {
		return "", &Error{Op: op, Key: key, Err: err}
	}
	prefix, err := c.prefix(ctx)
	if err != nil {
		return "", err
	}
	if err := CheckKey(prefix + key); err != nil {
		return "", &Error{Op: op, Key: prefix + key, Err: err}
	}
	return prefix + key, nil
}
