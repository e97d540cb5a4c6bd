package etcdlock

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/lock"
)

const (
	// DefaultTTL is the TTL of a lock that declares none.
	DefaultTTL = 5 * time.Second

	// defaultPort is the one that IANA has registered for clients of etcd.
	defaultPort = "2379"
)

// Lock is a key in etcd, see New. It is safe for concurrent use.
type Lock struct {
	endpoints []string // host:port
	key       string
	ttl       time.Duration
	tls       *tls.Config                    // nil: without
	login     func() (user, password string) // nil: without; a function is never printed
	clock     clockwork.Clock
	problem   error // what is wrong with the above
}

var (
	_ lock.Locker = (*Lock)(nil)
	_ lock.Binder = (*Lock)(nil)
	_ lock.Waiter = (*Lock)(nil)
	_ lock.Looker = (*Lock)(nil)
)

// New returns the lock that is this key in the etcd cluster with these
// endpoints, each host:port; without a port it is 2379. New connects to nobody.
// What is wrong with the declaration is told by Check, Acquire, Inherit and Wait.
func New(endpoints []string, key string, options ...Option) *Lock {
	l := &Lock{key: key, ttl: DefaultTTL, clock: clockwork.Real()}
	for _, option := range options {
		option(l)
	}
	var problems []error
	if len(endpoints) == 0 {
		problems = append(problems, errors.New("there is no server: name one as host:port"))
	}
	for _, e := range endpoints {
		e, err := endpoint(e)
		l.endpoints = append(l.endpoints, e)
		problems = append(problems, err)
	}
	l.problem = errors.Join(append(problems, checkKey(key), checkTTL(l.ttl), checkLogin(l.login))...)
	return l
}

// endpoint completes host:port, and leaves nothing of one that may have a
// password in it.
func endpoint(text string) (string, error) {
	if strings.ContainsAny(text, "@/ ?#") || strings.ContainsFunc(text, isControl) {
		return "-", errors.New("a server is written host:port, without a scheme, user or password: see TLS and Login for those")
	}
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		host, port = strings.Trim(text, "[]"), defaultPort
	}
	whole := net.JoinHostPort(host, port)
	if _, err := net.LookupPort("tcp", port); err != nil || host == "" || strings.Contains(host, ":") != strings.HasPrefix(text, "[") {
		return whole, fmt.Errorf("the server %q is not written host:port", text)
	}
	return whole, nil
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

func checkKey(key string) error {
	switch {
	case key == "":
		return errors.New("the key is empty: write etcd://host:port/key")
	case len(key) > maxKey:
		return fmt.Errorf("the key has %d bytes: %d are enough for a name", len(key), maxKey)
	case strings.ContainsFunc(key, isControl):
		return errors.New("the key has control characters in it: take them out")
	}
	return nil
}

// maxKey is how long a key may be. etcd would take a megabyte.
const maxKey = 1024

// checkTTL refuses what etcd, which counts whole seconds, would not keep.
func checkTTL(ttl time.Duration) error {
	switch {
	case ttl < time.Second || ttl%time.Second != 0:
		return fmt.Errorf("the TTL %s is impossible: etcd counts whole seconds, from 1s on", ttl)
	case ttl/time.Second > clientv3.MaxLeaseTTL:
		return fmt.Errorf("the TTL %s is impossible: etcd ends at %d seconds", ttl, clientv3.MaxLeaseTTL)
	}
	return nil
}

func checkLogin(login func() (user, password string)) error {
	if login == nil {
		return nil
	}
	if user, password := login(); user == "" || password == "" {
		return errors.New("the user or the password is empty")
	}
	return nil
}

// Check returns what is wrong with the declaration. It asks no server.
func (l *Lock) Check() error {
	if l.problem != nil {
		return l.failed("use", oneLine(l.problem))
	}
	return nil
}

// String returns the lock's URL. It tells nothing of TLS, user and password,
// which cannot be part of it.
func (l *Lock) String() string {
	key := strings.ReplaceAll(url.PathEscape(l.key), "%2F", "/")
	return fmt.Sprintf("%s://%s/%s?ttl=%s", scheme, strings.Join(l.endpoints, ","), key, l.ttl)
}

// Bind returns the same lock, which bounds its operations by that clock; nil is
// the real one. The folder is of no meaning.
func (l *Lock) Bind(_ string, clock clockwork.Clock) lock.Locker {
	if clock == nil {
		clock = clockwork.Real()
	}
	bound := *l
	bound.endpoints = slices.Clone(l.endpoints)
	bound.clock = clock
	return &bound
}
