package etcdlock

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/evertick/evertick/lock"
)

// lease is a Lock that is held.
type lease struct {
	lock     *Lock
	id       clientv3.LeaseID
	revision int64 // the key's creation
	ttl      time.Duration

	dialing chan struct{} // has one element while nobody dials
	mu      sync.Mutex    // held for instants only
	conn    *conn         // nil: dial again
	ended   error         // why the lease is no longer ours, for good
}

var _ lock.Lease = (*lease)(nil)

func newLease(l *Lock, c *conn, id clientv3.LeaseID, revision int64, ttl time.Duration) *lease {
	h := &lease{lock: l, conn: c, id: id, revision: revision, ttl: ttl, dialing: make(chan struct{}, 1)}
	h.dialing <- struct{}{}
	return h
}

// Token returns the revision of the cluster at which the key was created. It grows
// with each write to the cluster, whatever the key.
func (h *lease) Token() uint64 { return uint64(h.revision) }

// TTL returns what the cluster has granted.
func (h *lease) TTL() time.Duration { return h.ttl }

// Renew makes sure that the key is still the one that was created, and confirms its
// lease.
func (h *lease) Renew(ctx context.Context) error {
	return h.operate(ctx, "renew", func(ctx context.Context, c *conn) error {
		if _, err := h.ours(ctx, c); err != nil {
			return err
		}
		_, err := h.keepAlive(ctx, c)
		return err
	})
}

// ours returns the key's value. It is lost when the key is absent, was created again,
// or is no longer under the lease.
func (h *lease) ours(ctx context.Context, c *conn) (value []byte, err error) {
	found, err := c.Get(ctx, h.lock.key)
	if err != nil {
		return nil, err
	}
	if len(found.Kvs) == 0 {
		return nil, fmt.Errorf("%w: the key is gone", lock.ErrLost)
	}
	kv := found.Kvs[0]
	if kv.CreateRevision != h.revision || clientv3.LeaseID(kv.Lease) != h.id {
		who := holder(kv.Value)
		return nil, fmt.Errorf("%w: %s, PID %d on %s, has the key now", lock.ErrLost, who.Name, who.PID, who.Host)
	}
	return kv.Value, nil
}

// keepAlive gives the lease a full TTL, and returns it.
func (h *lease) keepAlive(ctx context.Context, c *conn) (ttl time.Duration, err error) {
	answer, err := c.KeepAliveOnce(ctx, h.id)
	if errors.Is(err, rpctypes.ErrLeaseNotFound) {
		return 0, fmt.Errorf("%w: it has expired or was revoked", lock.ErrLost)
	}
	if err != nil {
		return 0, err
	}
	return time.Duration(answer.TTL) * time.Second, nil
}

// Release deletes the key, if it is still the one that was created, and ends the
// lease.
func (h *lease) Release(ctx context.Context) error {
	err := h.operate(ctx, "release", func(ctx context.Context, c *conn) error {
		_, err := c.Txn(ctx).If(h.isOurs()...).Then(clientv3.OpDelete(h.lock.key)).Commit()
		if err != nil {
			return err
		}
		// Nothing depends on it any more: should that fail, it expires.
		_, _ = c.Revoke(ctx, h.id)
		return errReleased
	})
	if errors.Is(err, lock.ErrLost) {
		return nil
	}
	return err
}

// errReleased is how a lease ends by Release.
var errReleased = fmt.Errorf("%w: it was released", lock.ErrLost)

// isOurs is the condition of a transaction that only the holder may carry out.
func (h *lease) isOurs() []clientv3.Cmp {
	return []clientv3.Cmp{
		clientv3.Compare(clientv3.CreateRevision(h.lock.key), "=", h.revision),
		clientv3.Compare(clientv3.LeaseValue(h.lock.key), "=", h.id),
	}
}

// operate carries out an operation on the lease, which may be repeated. One whose
// connection was broken, as the first is after a server's restart, gets another
// connection. After one that was not answered the connection is not trusted any more.
func (h *lease) operate(ctx context.Context, what string, operation func(context.Context, *conn) error) error {
	ctx, cancel := h.lock.bound(ctx)
	defer cancel()
	err := h.attempt(ctx, operation)
	if broken(err) && ctx.Err() == nil {
		err = h.attempt(ctx, operation)
	}
	if errors.Is(err, lock.ErrLost) {
		h.end(err)
	}
	// Another one may have ended the lease, and with it the connection.
	if ended := h.over(); err != nil && ended != nil {
		err = ended
	}
	if err != nil {
		return h.lock.failed(what, h.lock.explain(ctx, err))
	}
	return nil
}

func (h *lease) attempt(ctx context.Context, operation func(context.Context, *conn) error) error {
	c, err := h.connect(ctx)
	if err != nil {
		return err
	}
	if err = operation(ctx, c); broken(err) || ctx.Err() != nil {
		h.drop(c)
	}
	return err
}

// connect returns the connection, and makes one where there is none.
func (h *lease) connect(ctx context.Context) (*conn, error) {
	select {
	case <-h.dialing:
		defer func() { h.dialing <- struct{}{} }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	h.mu.Lock()
	c, err := h.conn, h.ended
	h.mu.Unlock()
	if c != nil || err != nil {
		return c, err
	}
	c, err = h.lock.dial(ctx)
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ended != nil {
		go c.close()
		return nil, h.ended
	}
	h.conn = c
	return c, nil
}

// drop closes a connection.
func (h *lease) drop(c *conn) {
	h.mu.Lock()
	current := c != nil && h.conn == c
	if current {
		h.conn = nil
	}
	h.mu.Unlock()
	if current {
		c.close()
	}
}

// end notes why the lease is no longer ours.
func (h *lease) end(why error) {
	h.mu.Lock()
	if h.ended == nil {
		h.ended = why
	}
	c := h.conn
	h.mu.Unlock()
	h.drop(c)
}

// over returns why the lease is no longer ours; nil while it is.
func (h *lease) over() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.ended
}
