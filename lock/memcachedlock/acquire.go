package memcachedlock

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/lock"
	"github.com/evertick/evertick/memcache"
)

// Acquire takes the lock in one atomic step. Where its context ends while the
// server may have given it the lock, that is taken back in the background, for
// at most the TTL.
func (l *Lock) Acquire(ctx context.Context, who lock.Owner) (lock.Lease, error) {
	if l.wrong != nil {
		return nil, l.failed("take", l.wrong)
	}
	lease, err := l.take(ctx, value{Owner: who, ID: newID(), TTL: int64(l.ttl / time.Second)})
	if err == nil {
		return lease, nil
	}
	_ = l.client.Close() // it may never be asked again
	if errors.Is(err, lock.ErrHeld) {
		return nil, err
	}
	return nil, l.failed("take", err)
}

func (l *Lock) take(ctx context.Context, v value) (lock.Lease, error) {
	if err := l.add(ctx, v); err != nil {
		if errors.Is(err, memcache.ErrAmbiguous) {
			go l.takeBack(v.ID)
		}
		return nil, err
	}
	token, err := l.nextToken(ctx)
	if err == nil {
		err = l.confirm(ctx, v.ID, func(v *value) { v.Token = token })
	}
	switch {
	case err == nil:
		return newLease(l, v.ID, token), nil
	case errors.Is(err, lock.ErrLost):
		// It was not held yet, and is not called lost.
		return nil, errors.New("it was taken, and lost before it was held: " + err.Error())
	}
	go l.takeBack(v.ID)
	return nil, err
}

// add puts the value where there is none.
func (l *Lock) add(ctx context.Context, v value) error {
	const tries = 3
	for range tries {
		err := l.client.Add(ctx, memcache.Item{Key: l.key, Value: v.encode(), TTL: l.ttl, Unique: true})
		if !errors.Is(err, memcache.ErrNotStored) {
			return err
		}
		there, err := l.look(ctx)
		if err == nil {
			return l.held(there)
		}
		if !errors.Is(err, memcache.ErrMiss) {
			return err
		}
		// It was released in between.
	}
	return l.held(value{})
}

// look reads who holds the lock; memcache.ErrMiss when nobody does.
func (l *Lock) look(ctx context.Context) (value, error) {
	item, err := l.client.Get(ctx, l.key)
	if err != nil {
		return value{}, err
	}
	v, err := decode(item.Value)
	l.noteToken(v.Token)
	return v, err
}

const (
	// slow is an answer that may be that of a server that has stood still.
	slow = 5 * time.Millisecond

	// settle is how long such a server has to look at the clock.
	settle = 100 * time.Millisecond
)

// confirm gives the lease of that ID a full TTL, and changes its value. The
// error matches lock.ErrLost where the server has no such lease.
//
// A server that was stopped, or whose machine was, can carry out what has waited
// for it before it looks at the clock, which is behind by that pause: the lease
// ends too early by as much. So a lease that was confirmed slowly is confirmed
// once more.
func (l *Lock) confirm(ctx context.Context, id string, change func(v *value)) error {
	write := func(item *memcache.Item, v value) {
		change(&v)
		item.Value, item.TTL = v.encode(), l.ttl
	}
	asked := l.clock.Boot()
	err := l.swap(ctx, id, write)
	if err != nil || l.clock.Boot()-asked < slow {
		return err
	}
	if err := clockwork.Sleep(ctx, l.clock, settle); err != nil {
		return err
	}
	return l.swap(ctx, id, write)
}

// swap writes the item of the lease of that ID, as long as it is that one's.
func (l *Lock) swap(ctx context.Context, id string, change func(item *memcache.Item, v value)) error {
	for range maxTries {
		item, err := l.client.Get(ctx, l.key)
		if errors.Is(err, memcache.ErrMiss) {
			return errGone
		}
		if err != nil {
			return err
		}
		v, err := decode(item.Value)
		if err != nil {
			return fmt.Errorf("%w: %w", lock.ErrLost, err)
		}
		if v.ID != id {
			l.noteToken(v.Token)
			return fmt.Errorf("%w: %s, PID %d on %s, holds it", lock.ErrLost, v.Name, v.PID, v.Host)
		}
		item.Unique = true
		change(&item, v)
		switch err = l.client.CompareAndSwap(ctx, item); {
		case errors.Is(err, memcache.ErrMiss):
			return errGone
		case !errors.Is(err, memcache.ErrConflict):
			return err
		}
	}
	return fmt.Errorf("the item has changed %d times while it was renewed: does somebody else use that key?", maxTries)
}

var errGone = fmt.Errorf("%w: it is not there any more: it has expired, or memcached has restarted, was flushed "+
	"or was short of memory", lock.ErrLost)

// takeBack releases a lock that was perhaps taken. A request that is still on its
// way may come late, so that it looks twice. After the TTL the lock is free by
// itself.
func (l *Lock) takeBack(id string) {
	ctx, cancel := clockwork.WithTimeout(context.Background(), l.clock, l.ttl)
	defer cancel()
	defer func() { _ = l.client.Close() }()
	const looks = 2
	for absent := 0; absent < looks; {
		err := l.expire(ctx, id)
		switch {
		case err == nil:
			return
		case errors.Is(err, lock.ErrLost):
			absent++
		}
		if clockwork.Sleep(ctx, l.clock, l.ttl/10) != nil {
			return
		}
	}
}

// expire ends the lease of that ID.
func (l *Lock) expire(ctx context.Context, id string) error {
	return l.swap(ctx, id, func(item *memcache.Item, _ value) { item.TTL = -1 })
}

// handoffPrefix is what a handoff begins with, before the ID.
const handoffPrefix = "memcached:"

// Inherit takes over the lease by its ID, with the same token; the time since when
// it is held stays as it is. After an error that does not match lock.ErrLost it
// may be called again with the same handoff.
func (l *Lock) Inherit(ctx context.Context, who lock.Owner, handoff string) (lock.Lease, error) {
	if l.wrong != nil {
		return nil, l.failed("inherit", l.wrong)
	}
	id, found := strings.CutPrefix(handoff, handoffPrefix)
	if !found || !validID(id) {
		return nil, l.failed("inherit", fmt.Errorf("%.80q is no handoff of a memcached lock", handoff))
	}
	var token uint64
	err := l.confirm(ctx, id, func(v *value) {
		if !v.Since.IsZero() {
			who.Since = v.Since
		}
		v.Owner, v.TTL = who, int64(l.ttl/time.Second)
		token = v.Token
	})
	if err != nil {
		return nil, l.failed("inherit", err)
	}
	return newLease(l, id, token), nil
}
