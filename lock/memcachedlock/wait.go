package memcachedlock

import (
	"context"
	"errors"
	"time"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/memcache"
)

// poll is the pause between two looks at a lock that is waited for. After a look that
// took long it is lookShare times as long as that was, so that a server that answers
// late is not asked all the time; but no longer than maxPoll, by which a standby may be
// late.
const (
	poll      = 50 * time.Millisecond
	lookShare = 10
	maxPoll   = 250 * time.Millisecond
)

// Wait returns nil when nobody holds the lock, and at the latest after its TTL.
// memcached tells nobody of a release, so that it looks every 50 ms; less often
// where the server takes more than 5 ms to answer, and each 250 ms at least.
func (l *Lock) Wait(ctx context.Context) error {
	if l.wrong != nil {
		return l.failed("wait for", l.wrong)
	}
	for end := l.clock.Boot() + l.ttl; ; {
		asked := l.clock.Boot()
		_, err := l.look(ctx)
		now := l.clock.Boot()
		switch {
		case errors.Is(err, memcache.ErrMiss):
			return nil
		case err != nil:
			return l.failed("wait for", err)
		case now >= end:
			return nil
		}
		if err := clockwork.Sleep(ctx, l.clock, min(max(poll, lookShare*(now-asked)), maxPoll)); err != nil {
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
