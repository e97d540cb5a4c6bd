package etcdlock

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/lock"
)

// Acquire creates the key, under a lease, in a transaction that succeeds only where
// the key is absent. When the answer to it is lost, Acquire finds out what has
// happened, or ends the lease in the background, for a TTL at most, so that it
// leaves no lock behind.
func (l *Lock) Acquire(ctx context.Context, who lock.Owner) (lock.Lease, error) {
	ctx, cancel := l.bound(ctx)
	defer cancel()
	lease, err := l.acquire(ctx, who)
	if err != nil {
		return nil, l.failedUnlessHeld(ctx, "take", err)
	}
	return lease, nil
}

func (l *Lock) acquire(ctx context.Context, who lock.Owner) (*lease, error) {
	value, err := json.Marshal(who)
	if err != nil {
		return nil, err
	}
	c, err := l.dial(ctx)
	if err != nil {
		return nil, err
	}
	// A lease costs the cluster a write, even for those who are refused.
	if err := l.look(ctx, c); err != nil {
		c.close()
		return nil, err
	}
	granted, err := c.Grant(ctx, int64(l.ttl/time.Second))
	if err != nil {
		c.close()
		return nil, err
	}
	revision, err := l.create(ctx, c, granted.ID, string(value))
	if err != nil {
		go l.abandon(c, granted.ID)
		return nil, err
	}
	return newLease(l, c, granted.ID, revision, time.Duration(granted.TTL)*time.Second), nil
}

// create creates the key, and returns its creation revision.
func (l *Lock) create(ctx context.Context, c *conn, id clientv3.LeaseID, value string) (int64, error) {
	answer, err := c.Txn(ctx).
		If(clientv3.Compare(clientv3.CreateRevision(l.key), "=", 0)).
		Then(clientv3.OpPut(l.key, value, clientv3.WithLease(id))).
		Else(clientv3.OpGet(l.key)).
		Commit()
	switch {
	case err != nil:
		return l.created(ctx, c, id, err)
	case answer.Succeeded:
		return answer.Header.Revision, nil
	}
	kvs := answer.Responses[0].GetResponseRange().Kvs
	return 0, l.held(ctx, c, kvs[0])
}

// created finds out whether the key was created although the answer was lost. Where
// it was not, or that cannot be found out, the error stays what it is.
func (l *Lock) created(ctx context.Context, c *conn, id clientv3.LeaseID, lost error) (int64, error) {
	found, err := c.Get(ctx, l.key)
	if err != nil || len(found.Kvs) == 0 || clientv3.LeaseID(found.Kvs[0].Lease) != id {
		return 0, lost
	}
	return found.Kvs[0].CreateRevision, nil
}

// abandon ends a lease that came to nothing, and the connection. A transaction that is
// still on its way then fails.
func (l *Lock) abandon(c *conn, id clientv3.LeaseID) {
	defer c.close()
	ctx, cancel := l.bound(context.Background())
	defer cancel()
	for {
		_, err := c.Revoke(ctx, id)
		if err == nil || errors.Is(err, rpctypes.ErrLeaseNotFound) || clockwork.Sleep(ctx, l.clock, l.ttl/10) != nil {
			return
		}
	}
}

// held says who holds the lock.
func (l *Lock) held(ctx context.Context, c *conn, kv *mvccpb.KeyValue) error {
	return &lock.HeldError{Lock: l.String(), Holder: holder(kv.Value), TTL: timeLeft(ctx, c, clientv3.LeaseID(kv.Lease))}
}

// timeLeft returns how long at most a lease lives on; 0 where that is not known.
// etcd drops the fraction of a second.
func timeLeft(ctx context.Context, c *conn, id clientv3.LeaseID) time.Duration {
	if id == clientv3.NoLease {
		return 0
	}
	left, err := c.TimeToLive(ctx, id)
	if err != nil {
		return 0
	}
	return time.Duration(max(left.TTL, 0)+1) * time.Second
}
