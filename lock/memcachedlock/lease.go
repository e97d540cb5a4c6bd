package memcachedlock

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/evertick/evertick/lock"
)

// lease is a Lock that is held.
type lease struct {
	lock  *Lock
	id    string
	token uint64

	turn chan struct{} // has one place: the caller that is in it asks the server

	mu   sync.Mutex // held for instants only
	over error      // why it is no longer held, for good; nil: it is
}

func newLease(l *Lock, id string, token uint64) *lease {
	return &lease{lock: l, id: id, token: token, turn: make(chan struct{}, 1)}
}

var errReleased = fmt.Errorf("%w: it was released", lock.ErrLost)

// Token is a number that grows with each owner.
func (l *lease) Token() uint64 { return l.token }

// TTL is what is certain of it: memcached counts whole seconds.
func (l *lease) TTL() time.Duration { return l.lock.ttl - uncertain }

// enter waits for the turn. When it returns nil, leave must be called.
func (l *lease) enter(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	select {
	case l.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (l *lease) leave() { <-l.turn }

// Renew gives the lease a full TTL, if it is still there.
func (l *lease) Renew(ctx context.Context) error {
	return l.lock.failed("renew", l.renew(ctx))
}

func (l *lease) renew(ctx context.Context) error {
	if err := l.enter(ctx); err != nil {
		return err
	}
	defer l.leave()
	if err := l.ended(nil); err != nil {
		return err
	}
	err := l.lock.confirm(ctx, l.id, func(*value) {})
	if errors.Is(err, lock.ErrLost) {
		return l.ended(err)
	}
	return err
}

// ended says why the lease is no longer held, and notes it.
func (l *lease) ended(why error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over == nil {
		l.over = why
	}
	return l.over
}

// Handoff passes the lease on by its ID.
func (l *lease) Handoff() (lock.Handoff, error) {
	if err := l.ended(nil); err != nil {
		return lock.Handoff{}, l.lock.failed("hand over", err)
	}
	return lock.Handoff{Value: handoffPrefix + l.id}, nil
}

// Release gives the lock back, if it is still this lease's. After an error it
// may be called again.
func (l *lease) Release(ctx context.Context) error {
	return l.lock.failed("release", l.release(ctx))
}

func (l *lease) release(ctx context.Context) error {
	if err := l.enter(ctx); err != nil {
		return err
	}
	defer l.leave()
	if l.ended(nil) != nil {
		return nil
	}
	err := l.lock.expire(ctx, l.id)
	if err != nil && !errors.Is(err, lock.ErrLost) {
		return err
	}
	_ = l.ended(errReleased)
	return l.lock.client.Close()
}
