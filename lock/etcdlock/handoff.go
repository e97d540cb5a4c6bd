package etcdlock

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/evertick/evertick/lock"
)

// Handoff passes the lease on by its number and the key's creation revision. It asks
// nothing of the cluster: the lease is as long as its last renewal has made it.
func (h *lease) Handoff() (lock.Handoff, error) {
	if err := h.over(); err != nil {
		return lock.Handoff{}, h.lock.failed("hand over", err)
	}
	return lock.Handoff{Value: fmt.Sprintf("%x/%d", int64(h.id), h.revision)}, nil
}

// parseHandoff is the reverse of Handoff.
func parseHandoff(text string) (id clientv3.LeaseID, revision int64, err error) {
	left, right, _ := strings.Cut(text, "/")
	number, err := strconv.ParseInt(left, 16, 64)
	if err == nil {
		revision, err = strconv.ParseInt(right, 10, 64)
	}
	if err != nil || number <= 0 || revision <= 0 {
		return 0, 0, fmt.Errorf("%q is no handoff of a lock in etcd", text)
	}
	return clientv3.LeaseID(number), revision, nil
}

// Inherit renews the lease that was handed over, and puts the new program's details
// in place of the old one's. The time since when the lock is held stays as it is,
// and so does the TTL, should this declaration have another one. After an error that
// is not ErrLost, Inherit may be called again with the same handoff.
func (l *Lock) Inherit(ctx context.Context, who lock.Owner, handoff string) (lock.Lease, error) {
	ctx, cancel := l.bound(ctx)
	defer cancel()
	h, err := l.inherit(ctx, who, handoff)
	if err != nil {
		return nil, l.failed("inherit", l.explain(ctx, err))
	}
	return h, nil
}

func (l *Lock) inherit(ctx context.Context, who lock.Owner, handoff string) (*lease, error) {
	id, revision, err := parseHandoff(handoff)
	if err != nil {
		return nil, err
	}
	c, err := l.dial(ctx)
	if err != nil {
		return nil, err
	}
	h := newLease(l, c, id, revision, 0)
	value, err := h.ours(ctx, c)
	if err == nil {
		h.ttl, err = h.keepAlive(ctx, c)
	}
	if err == nil {
		err = h.sign(ctx, c, value, who)
	}
	if err != nil {
		c.close()
		return nil, err
	}
	return h, nil
}

// sign puts an owner's details in place of the old ones, which leave their time.
func (h *lease) sign(ctx context.Context, c *conn, old []byte, who lock.Owner) error {
	if before := holder(old); !before.Since.IsZero() {
		who.Since = before.Since
	}
	value, err := json.Marshal(who)
	if err != nil {
		return err
	}
	if string(value) == string(old) {
		return nil
	}
	answer, err := c.Txn(ctx).
		If(h.isOurs()...).
		Then(clientv3.OpPut(h.lock.key, string(value), clientv3.WithLease(h.id))).
		Commit()
	if err == nil && !answer.Succeeded {
		err = fmt.Errorf("%w: the key was taken away", lock.ErrLost)
	}
	return err
}
