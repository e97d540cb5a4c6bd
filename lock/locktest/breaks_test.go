package locktest_test

import (
	"context"
	"errors"
	"time"

	"github.com/evertick/evertick/lock"
)

// breaks are the mistakes that writers of locks make.
var breaks = []broken{
	{name: "nothing", lock: func(s *store) locker { return locker{Locker: s.Locker} }},
	{name: "nothing, with a TTL", ttl: time.Second, lock: func(s *store) locker { return locker{Locker: s.Locker} }},
	{
		name: "releases without comparing", ttl: time.Second,
		lock: withLease(func(s *store, l *lease) {
			l.release = func(context.Context) error { s.Evict("x"); return nil }
		}),
		found: []string{
			"a late Release does not free the next owner's lock",
			"Release leaves the thief alone",
			"a lease expires after its TTL",
		},
	},
	{
		name: "renews without checking",
		lock: withLease(func(_ *store, l *lease) {
			l.renew = func(ctx context.Context) error { return ctx.Err() }
		}),
		found: []string{
			"a released lease is lost",
			"a stolen lease is lost for good",
			"a forgotten lease is lost and not taken again",
			"a lease outlives an outage",
		},
	},
	{
		name: "checks and does not renew", ttl: time.Second,
		lock: withLease(func(s *store, l *lease) {
			token := l.Token()
			l.renew = func(context.Context) error {
				if _, now, held := s.Holder("x"); !held || now != token {
					return lock.ErrLost
				}
				return nil
			}
		}),
		found: []string{"Renew gives a full TTL"},
	},
	{
		name: "takes a forgotten lock again",
		lock: withLease(func(s *store, l *lease) {
			inner := l.Lease
			l.renew = func(ctx context.Context) error {
				err := inner.Renew(ctx)
				if _, _, held := s.Holder("x"); errors.Is(err, lock.ErrLost) && !held {
					inner, err = s.Acquire(ctx, lock.Owner{})
				}
				return err
			}
		}),
		found: []string{"a forgotten lease is lost and not taken again", "a released lease is lost"},
	},
	{
		name: "forgets its token at a restart",
		lock: func(s *store) locker {
			restarted := false
			return locker{
				Locker: s.Locker,
				inherit: func(ctx context.Context, who lock.Owner, handoff string) (lock.Lease, error) {
					restarted = true
					return s.Inherit(ctx, who, handoff)
				},
				lease: func(l *lease) {
					if restarted {
						l.token = func() uint64 { return 0 }
					}
				},
			}
		},
		found: []string{"a lease survives a restart", "a cancelled context loses no lock", "Inherit without an answer can be repeated"},
	},
	{
		name: "gives everybody the same token",
		lock: withLease(func(_ *store, l *lease) {
			l.token = func() uint64 { return 1 }
		}),
		found: []string{"tokens grow with each owner and with nothing else", "many who take and release are never two"},
	},
	{
		name: "looks and then takes",
		lock: func(s *store) locker {
			return locker{Locker: s.Locker, acquire: func(ctx context.Context, who lock.Owner) (lock.Lease, error) {
				if _, _, held := s.Holder("x"); held {
					return s.Acquire(ctx, who)
				}
				<-time.After(time.Microsecond)
				if ctx.Err() == nil {
					s.Evict("x")
				}
				return s.Acquire(ctx, who)
			}}
		},
		found: []string{"of many at once exactly one wins", "many who take and release are never two"},
	},
	{
		name: "takes a new token at a restart",
		lock: func(s *store) locker {
			return locker{Locker: s.Locker, inherit: func(ctx context.Context, who lock.Owner, handoff string) (lock.Lease, error) {
				old, err := s.Inherit(ctx, who, handoff)
				if err != nil {
					return nil, err
				}
				if err := old.Release(ctx); err != nil {
					return nil, err
				}
				return s.Acquire(ctx, who)
			}}
		},
		found: []string{"a lease survives a restart", "a lease is inherited after an outage"},
	},
	{
		name: "is free during a restart",
		lock: withLease(func(_ *store, l *lease) {
			handoff := l.handoff
			l.handoff = func() (lock.Handoff, error) {
				_ = l.Lease.Release(context.Background())
				return handoff()
			}
		}),
		found: []string{"the lock is never free during a restart", "a lease stays usable after Handoff"},
	},
	{
		name: "calls a transient error lost",
		lock: withLease(func(_ *store, l *lease) {
			renew := l.renew
			l.renew = func(ctx context.Context) error { return someLost(renew(ctx)) }
		}),
		found: []string{
			"a cancelled context loses no lock",
			"a lease outlives an outage",
			"Renew without an answer loses no lease",
		},
	},
	{
		name: "calls what it cannot reach held",
		lock: func(s *store) locker {
			return locker{Locker: s.Locker, acquire: func(ctx context.Context, who lock.Owner) (lock.Lease, error) {
				l, err := s.Acquire(ctx, who)
				if err != nil && ctx.Err() == nil && !errors.Is(err, lock.ErrHeld) {
					err = &lock.HeldError{Lock: s.Locker.String()}
				}
				return l, err
			}}
		},
		found: []string{"a lock out of reach is not taken and not called held"},
	},
	{
		name: "does not tell its holder", ttl: time.Second,
		lock: func(s *store) locker {
			return locker{Locker: s.Locker, acquire: func(ctx context.Context, who lock.Owner) (lock.Lease, error) {
				l, err := s.Acquire(ctx, who)
				if errors.Is(err, lock.ErrHeld) {
					err = &lock.HeldError{Lock: s.Locker.String(), Holder: lock.Owner{Name: "ann", PID: 1}}
				}
				return l, err
			}}
		},
		found: []string{"a held lock is refused and tells its holder", "a held lock tells how long its lease lives on"},
	},
	{
		name: "says that it has released what it could not reach",
		lock: withLease(func(_ *store, l *lease) {
			release := l.release
			l.release = func(ctx context.Context) error {
				_ = release(ctx)
				return nil
			}
		}),
		found: []string{"Release tells the truth in an outage", "Release without an answer can be repeated"},
	},
	{
		name: "takes the lock although it was cancelled",
		lock: func(s *store) locker {
			return locker{Locker: s.Locker, acquire: func(ctx context.Context, who lock.Owner) (lock.Lease, error) {
				return s.Acquire(context.WithoutCancel(ctx), who)
			}}
		},
		found: []string{"a cancelled context takes no lock", "Acquire without an answer leaves no lock behind"},
	},
	{
		name: "leaves a lock behind that it was not told of",
		lock: func(s *store) locker {
			return locker{Locker: s.Locker, acquire: func(ctx context.Context, who lock.Owner) (lock.Lease, error) {
				type result struct {
					lock.Lease
					error
				}
				done := make(chan result, 1)
				go func() {
					l, err := s.Acquire(context.WithoutCancel(ctx), who)
					done <- result{l, err}
				}()
				select {
				case r := <-done:
					return r.Lease, r.error
				case <-ctx.Done():
					return nil, context.Cause(ctx)
				}
			}}
		},
		found: []string{"Acquire without an answer leaves no lock behind"},
	},
	{
		name: "believes in a longer TTL", ttl: time.Second,
		lock: withLease(func(_ *store, l *lease) {
			ttl := l.ttl
			l.ttl = func() time.Duration { return 2 * ttl() }
		}),
		found: []string{"a lease expires after its TTL", "Renew gives a full TTL", "Inherit gives a full TTL"},
	},
	{
		name: "takes the lock by waiting for it",
		lock: func(s *store) locker {
			return locker{Locker: s.Locker, wait: func(ctx context.Context) error {
				if _, err := s.Acquire(ctx, lock.Owner{}); err == nil {
					return nil
				}
				return s.Locker.(lock.Waiter).Wait(ctx)
			}}
		},
		found: []string{"Wait returns for a free lock and takes nothing"},
	},
	{
		name: "takes the lock by looking at it",
		lock: func(s *store) locker {
			return locker{Locker: s.Locker, look: func(ctx context.Context) error {
				_, err := s.Acquire(ctx, lock.Owner{})
				return err
			}}
		},
		found: []string{"Look tells the holder and takes nothing"},
	},
	{
		name: "waits on although nobody does",
		lock: func(s *store) locker {
			return locker{Locker: s.Locker, wait: func(ctx context.Context) error {
				return s.Locker.(lock.Waiter).Wait(context.WithoutCancel(ctx))
			}}
		},
		ttl:   time.Hour,
		found: []string{"Wait ends with its context"},
	},
	{
		name: "sees no release",
		lock: func(s *store) locker {
			return locker{Locker: s.Locker, wait: func(ctx context.Context) error {
				<-ctx.Done()
				return context.Cause(ctx)
			}}
		},
		found: []string{"Wait returns when the lock is released", "Wait returns for a free lock and takes nothing"},
	},
}
