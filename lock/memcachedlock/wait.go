package memcachedlock

import (
	"context"
	"errors"
	"time"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/memcache"
)

// The pause between two looks is a tenth of the TTL within these.
const (
	minPoll = 100 * time.Millisecond
	maxPoll = time.Second
)

// Wait returns nil when nobody holds the lock, and at the latest after its TTL.
// memcached tells nobody of a release, so that it looks every tenth of the TTL,
// but not more often than every 100 ms and at least once a second.
func (l *Lock) Wait(ctx context.Context) error {
	if l.wrong != nil {
		return l.failed("wait for", l.wrong)
	}
	began := l.clock.Boot()
	pause := min(max(l.ttl/10, minPoll), maxPoll)
	for {
		_, err := l.look(ctx)
		switch {
		case errors.Is(err, memcache.ErrMiss):
			return nil
		case err != nil:
			return l.failed("wait for", err)
		case l.clock.Boot()-began >= l.ttl:
			return nil
		}
		if err := clockwork.Sleep(ctx, l.clock, pause); err != nil {
			return l.failed("wait for", err)
		}
	}
}

// Look tells who holds the lock; nil when nobody does.
func (l *Lock) Look(ctx context.Context) error {
	if l.wrong != nil {
		return l.failed("look at", l.wrong)
	}
	v, err := l.look(ctx)
	switch {
	case err == nil:
		return l.held(v)
	case errors.Is(err, memcache.ErrMiss):
		return nil
	}
	return l.failed("look at", err)
}
