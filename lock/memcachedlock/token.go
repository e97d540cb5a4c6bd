package memcachedlock

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/evertick/evertick/memcache"
)

const (
	// tokenSuffix is what the key of the last token ends with.
	tokenSuffix = ":token"

	// maxToken is the greatest token that can have come about by itself. A greater
	// one is garbage, and would leave no space to grow.
	maxToken = 1 << 62

	// maxTries bounds what is tried again because others were faster.
	maxTries = 100
)

// nextToken returns a token that is greater than all before, and leaves it in
// the server. Only the holder asks for one, so that tokens grow in the order in
// which the lock is held.
//
// The last one is in an item of its own, without a TTL. Where the server has lost
// that one, the microseconds of the wall clock are greater.
func (l *Lock) nextToken(ctx context.Context) (uint64, error) {
	key := l.key + tokenSuffix
	for range maxTries {
		item, err := l.client.Get(ctx, key)
		if err != nil && !errors.Is(err, memcache.ErrMiss) {
			return 0, err
		}
		fresh := err != nil
		last, _ := strconv.ParseUint(strings.TrimSpace(string(item.Value)), 10, 64)
		token := l.after(last)
		item.Key, item.Value = key, strconv.AppendUint(nil, token, 10)
		if fresh {
			err = l.client.Add(ctx, item)
		} else {
			err = l.client.CompareAndSwap(ctx, item)
		}
		switch {
		case err == nil:
			l.noteToken(token)
			return token, nil
		case ctx.Err() == nil && again(err):
			// It may have been written. Then the next one is greater.
		default:
			return 0, err
		}
	}
	return 0, fmt.Errorf("%q has changed %d times while it was counted up: does somebody else use that key?", key, maxTries)
}

// again reports whether somebody was faster, or may have been.
func again(err error) bool {
	for _, one := range []error{memcache.ErrNotStored, memcache.ErrConflict, memcache.ErrMiss, memcache.ErrAmbiguous} {
		if errors.Is(err, one) {
			return true
		}
	}
	return false
}

// after returns what follows the last token.
func (l *Lock) after(last uint64) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if last >= maxToken {
		last = 0
	}
	token := max(last, l.seen) + 1
	if now := l.clock.Wall().UnixMicro(); now > 0 {
		token = max(token, uint64(now))
	}
	return token
}

// noteToken remembers the greatest token that there was.
func (l *Lock) noteToken(token uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if token < maxToken {
		l.seen = max(l.seen, token)
	}
}
