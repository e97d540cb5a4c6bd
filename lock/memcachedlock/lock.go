package memcachedlock

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/lock"
	"github.com/evertick/evertick/memcache"
)

const (
	// minTTL leaves two certain seconds.
	minTTL = 4 * time.Second

	// maxTTL is what still makes sense as a TTL.
	maxTTL = 24 * time.Hour

	// defaultTTL is for those who do not say theirs.
	defaultTTL = 10 * time.Second

	// beyondInterval is how much longer than the interval a lease lives, unless it
	// is said.
	beyondInterval = 2 * time.Second

	// uncertain is what memcached's whole seconds take away from a TTL. Its clock is
	// read once a second, and rounded down; and as each reading comes a little more
	// than a second after the one before, it passes over a second now and then, and
	// is behind by two until then. Of items with a TTL of 3 s, which were set in such
	// a second, one lived for 1.02 s.
	uncertain = 2 * time.Second
)

// Options are the settings of a lock. The zero value is a useful one.
type Options struct {
	// TTL is how long the lock outlives its holder, in whole seconds, at least
	// 4. Zero means 10 s.
	TTL time.Duration

	// Dial connects to the server, such as that of net.Dialer. Nil is that one.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Lock is a lock in a memcached, which may be held or free. It is safe for
// concurrent use.
type Lock struct {
	servers []string
	key     string
	options Options
	ttl     time.Duration
	clock   clockwork.Clock
	client  *memcache.Client
	wrong   error // why it cannot be used

	mu   sync.Mutex // held for instants only
	seen uint64     // the greatest token
}

var (
	_ lock.Locker = (*Lock)(nil)
	_ lock.Binder = (*Lock)(nil)
	_ lock.Waiter = (*Lock)(nil)
	_ lock.Looker = (*Lock)(nil)

	_ lock.IntervalBinder = (*Lock)(nil)
)

// New returns the lock under a key in one of the servers, each host:port or a host
// alone, whose port is then 11211. What is wrong with any of them, Check and
// Acquire tell.
func New(servers []string, key string, options Options) *Lock {
	return declare(servers, key, options, clockwork.Real())
}

func declare(servers []string, key string, options Options, clock clockwork.Clock) *Lock {
	l := &Lock{key: key, options: options, ttl: options.TTL, clock: clock}
	if l.ttl == 0 {
		l.ttl = defaultTTL
	}
	l.wrong = errors.Join(l.name(servers), checkTTL(l.ttl), checkKey(key))
	l.client = memcache.New(l.servers, l.patience())
	if l.wrong == nil {
		// One server has the lock and its token.
		l.client = memcache.New([]string{l.client.Server(key)}, l.patience())
	}
	return l
}

// name sets the servers, so that those of the same ones have the same order.
func (l *Lock) name(servers []string) error {
	if len(servers) == 0 {
		return errors.New("no server is named: write host:port")
	}
	var errs []error
	for _, server := range servers {
		address, err := memcache.Address(server)
		errs = append(errs, err)
		l.servers = append(l.servers, address)
	}
	slices.Sort(l.servers)
	l.servers = slices.Compact(l.servers)
	return errors.Join(errs...)
}

// checkTTL refuses what memcached cannot keep to.
func checkTTL(ttl time.Duration) error {
	switch {
	case ttl < minTTL:
		return fmt.Errorf("a TTL of %s is too short: memcached counts whole seconds, so that less than %s is no lease", ttl, minTTL)
	case ttl > maxTTL:
		return fmt.Errorf("a TTL of %s is too long: it is how long nobody has the lock after its holder has died; at most %s", ttl, maxTTL)
	case ttl%time.Second != 0:
		return fmt.Errorf("a TTL of %s: memcached counts whole seconds: write %s", ttl, ttl.Truncate(time.Second)+time.Second)
	}
	return nil
}

func checkKey(key string) error {
	if err := memcache.CheckKey(key); err != nil {
		return fmt.Errorf("key %q: %w", key, err)
	}
	if err := memcache.CheckKey(key + tokenSuffix); err != nil {
		return fmt.Errorf("key %q, with the %s of its token: %w", key, tokenSuffix, err)
	}
	return nil
}

// patience says how long an operation goes on trying: two of them fit into what is
// certain of the TTL, and several attempts into each.
func (l *Lock) patience() memcache.Options {
	const most, attempts = 4 * time.Second, 4
	whole := min(max(l.ttl-uncertain, uncertain)/2, most)
	return memcache.Options{
		Timeout: whole, AttemptTimeout: whole / attempts,
		MaxIdle: 2, Dial: l.options.Dial, Clock: l.clock,
	}
}

// Bind returns the same lock with the clock that it waits by. A nil clock is the
// real one.
func (l *Lock) Bind(_ string, clock clockwork.Clock) lock.Locker {
	if clock == nil {
		clock = clockwork.Real()
	}
	return declare(l.servers, l.key, l.options, clock)
}

// BindInterval returns the same lock with a TTL of the interval and 2 s more,
// rounded up to what memcached can have. A lock whose TTL was set stays as it is.
func (l *Lock) BindInterval(interval time.Duration) lock.Locker {
	options := l.options
	if options.TTL == 0 {
		ttl := interval + beyondInterval
		if rest := ttl % time.Second; rest > 0 {
			ttl += time.Second - rest
		}
		options.TTL = min(max(ttl, minTTL), maxTTL)
	}
	return declare(l.servers, l.key, options, l.clock)
}

// TTL returns how long the lock outlives its holder for certain.
func (l *Lock) TTL() time.Duration { return l.ttl - uncertain }

// Check returns an error when the lock is declared wrongly, or its server cannot
// be reached or is no memcached. It changes nothing there.
func (l *Lock) Check() error {
	if l.wrong != nil {
		return l.failed("check", l.wrong)
	}
	if _, err := l.look(context.Background()); err != nil && !errors.Is(err, memcache.ErrMiss) {
		return l.failed("check", err)
	}
	return nil
}

// failed prefixes an error; nil stays nil. The text is one line.
func (l *Lock) failed(what string, err error) error {
	if err == nil {
		return nil
	}
	var network net.Error
	if errors.Is(err, context.DeadlineExceeded) || errors.As(err, &network) {
		err = lock.Unreachable(err)
	}
	return fmt.Errorf("lock: %s %s: %w", what, l, flat{err})
}

// flat is an error in one line.
type flat struct{ error }

func (f flat) Error() string { return oneLine(f.error.Error()) }
func (f flat) Unwrap() error { return f.error }
