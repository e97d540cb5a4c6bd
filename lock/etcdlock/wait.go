package etcdlock

import (
	"context"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// Wait watches the key, and returns when it is deleted: at once after a Release, and
// when its holder's lease has expired. After a TTL it returns nil in any case.
func (l *Lock) Wait(ctx context.Context) error {
	pause, cancel := l.bound(ctx)
	defer cancel()
	err := l.wait(pause)
	switch {
	case err == nil:
		return nil
	case ctx.Err() == nil && pause.Err() != nil:
		return nil // time to ask again
	}
	return l.failed("wait for", l.explain(ctx, err))
}

func (l *Lock) wait(ctx context.Context) error {
	c, err := l.dial(ctx)
	if err != nil {
		return err
	}
	defer c.close()
	found, err := c.Get(ctx, l.key)
	if err != nil || len(found.Kvs) == 0 {
		return err
	}
	// A member that is cut off from the others says so, instead of being silent.
	changes := c.Watch(clientv3.WithRequireLeader(ctx), l.key,
		clientv3.WithRev(found.Header.Revision+1), clientv3.WithFilterPut())
	for change := range changes {
		if err := change.Err(); err != nil {
			return err
		}
		if len(change.Events) > 0 {
			return nil
		}
	}
	return context.Cause(ctx)
}

// Look reads the key.
func (l *Lock) Look(ctx context.Context) error {
	ctx, cancel := l.bound(ctx)
	defer cancel()
	c, err := l.dial(ctx)
	if err == nil {
		defer c.close()
		err = l.look(ctx, c)
	}
	if err != nil {
		return l.failedUnlessHeld(ctx, "look at", err)
	}
	return nil
}

// look returns a *HeldError where the key exists.
func (l *Lock) look(ctx context.Context, c *conn) error {
	found, err := c.Get(ctx, l.key)
	if err != nil || len(found.Kvs) == 0 {
		return err
	}
	return l.held(ctx, c, found.Kvs[0])
}
