package etcdlock_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/goleak"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/lock"
	"github.com/evertick/evertick/lock/etcdlock"
)

// mustTake takes a lock of the shared server.
func mustTake(t *testing.T, l lock.Locker) lock.Lease {
	t.Helper()
	lease, err := l.Acquire(within(t), ann)
	require.NoError(t, err)
	t.Cleanup(func() { _ = lease.Release(context.Background()) })
	return lease
}

// The TTL is what was granted, also after a restart with another declaration, and the
// token is the creation revision.
func TestWhatIsGranted(t *testing.T) {
	server, key := shared.start(t), shared.key()
	h := []string{server.addr()}
	lease := mustTake(t, etcdlock.New(h, key, etcdlock.TTL(time.Second)))
	assert.Equal(t, 2*time.Second, lease.TTL(), "a server with default settings keeps no second")
	handoff, err := lease.Handoff()
	require.NoError(t, err)
	next, err := etcdlock.New(h, key, etcdlock.TTL(time.Minute)).Inherit(within(t), ann, handoff.Value)
	require.NoError(t, err)
	assert.Equal(t, 2*time.Second, next.TTL())

	found, err := admin(t, server).Get(within(t), key)
	require.NoError(t, err)
	require.Len(t, found.Kvs, 1)
	assert.EqualValues(t, found.Kvs[0].CreateRevision, next.Token())
}

// What anybody may put at the key: it is held, its owner is told as far as possible,
// in one line, and who had it has lost it.
func TestForeignValues(t *testing.T) {
	server := shared.start(t)
	root := admin(t, server)
	for value, says := range map[string]string{
		"":                         "its owner has left no details",
		"garbage":                  "its owner has left no details",
		`{"pid":"seven"}`:          "its owner has left no details",
		strings.Repeat(" ", 1<<15): "its owner has left no details",
		`{"pid":7,"name":"a\nERROR b","host":"h\u0007"}`: "is held by a\uFFFDERROR b, PID 7 on h\uFFFD",
	} {
		l := etcdlock.New([]string{server.addr()}, shared.key())
		lease := mustTake(t, l)
		_, err := root.Put(within(t), keyOf(l), value)
		require.NoError(t, err)
		_, err = l.Acquire(within(t), bob)
		require.ErrorIs(t, err, lock.ErrHeld)
		require.ErrorContains(t, err, says)
		assert.NotContains(t, err.Error(), "\n")
		var held *lock.HeldError
		require.ErrorAs(t, err, &held)
		assert.Zero(t, held.TTL, "it is under no lease")

		err = lease.Renew(within(t))
		require.ErrorIs(t, err, lock.ErrLost)
		assert.NotContains(t, err.Error(), "\n")
		require.NoError(t, lease.Release(within(t)))
		found, err := root.Get(within(t), keyOf(l))
		require.NoError(t, err)
		require.Len(t, found.Kvs, 1, "Release has deleted what is not its own")
	}
}

// The same owner that is put back by hand is another one: the token differs.
func TestCreatedAgain(t *testing.T) {
	server := shared.start(t)
	root := admin(t, server)
	l := etcdlock.New([]string{server.addr()}, shared.key())
	lease := mustTake(t, l)
	found, err := root.Get(within(t), keyOf(l))
	require.NoError(t, err)
	kv := found.Kvs[0]
	_, err = root.Delete(within(t), keyOf(l))
	require.NoError(t, err)
	_, err = root.Put(within(t), keyOf(l), string(kv.Value), clientv3.WithLease(clientv3.LeaseID(kv.Lease)))
	require.NoError(t, err)
	require.ErrorIs(t, lease.Renew(within(t)), lock.ErrLost)
	_, err = lease.Handoff()
	require.ErrorIs(t, err, lock.ErrLost)
}

// A lease that was revoked, although its key is there again under no lease, is lost.
func TestRevoked(t *testing.T) {
	server := shared.start(t)
	root := admin(t, server)
	l := etcdlock.New([]string{server.addr()}, shared.key())
	lease := mustTake(t, l)
	found, err := root.Get(within(t), keyOf(l))
	require.NoError(t, err)
	_, err = root.Revoke(within(t), clientv3.LeaseID(found.Kvs[0].Lease))
	require.NoError(t, err)
	require.ErrorIs(t, lease.Renew(within(t)), lock.ErrLost)
	release(t, mustTake(t, l))
}

func release(t *testing.T, lease lock.Lease) {
	t.Helper()
	require.NoError(t, lease.Release(within(t)))
}

// When all is released, nothing runs on. The process that shows it has no server
// within it.
func TestNothingRunsOn(t *testing.T) {
	l := etcdlock.New([]string{shared.start(t).addr()}, shared.key())
	p := startProcess(t, leaverEnv+"="+l.String())
	require.True(t, p.lines.Scan())
	assert.Equal(t, "nothing runs on", p.lines.Text())
}

// leaver does all that can be done with a lock, and tells what runs on after it.
func leaver(url string) int {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	l, err := lock.Parse(url)
	if err == nil {
		err = useUp(ctx, l)
	}
	if err == nil {
		find := func() error { return goleak.Find(goleak.IgnoreTopFunction("os/signal.loop")) }
		for err = find(); err != nil && ctx.Err() == nil; {
			err = find()
		}
	}
	if err != nil {
		fmt.Println(strings.ReplaceAll(err.Error(), "\n", "; "))
		return 1
	}
	fmt.Println("nothing runs on")
	return 0
}

func useUp(ctx context.Context, l lock.Locker) error {
	lease, err := l.Acquire(ctx, ann)
	if err != nil {
		return err
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if err := lease.Renew(ended); !errors.Is(err, context.Canceled) {
		return fmt.Errorf("a cancelled Renew = %w", err)
	}
	if err := l.(lock.Waiter).Wait(ended); !errors.Is(err, context.Canceled) {
		return fmt.Errorf("a cancelled Wait = %w", err)
	}
	if _, err := l.Acquire(ctx, bob); !errors.Is(err, lock.ErrHeld) {
		return fmt.Errorf("Acquire of a held lock = %w", err)
	}
	return errors.Join(lease.Renew(ctx), lease.Release(ctx), l.(lock.Waiter).Wait(ctx))
}

// hand is a clock that is moved by hand.
type hand struct {
	clockwork.Clock
	fire chan time.Time
	set  chan time.Duration
}

type handTimer struct {
	clockwork.Timer
	c <-chan time.Time
}

func (t handTimer) C() <-chan time.Time { return t.c }

func (h hand) NewTimer(d time.Duration) clockwork.Timer {
	h.set <- d
	return handTimer{h.Clock.NewTimer(time.Hour), h.fire}
}

// A Wait ends after a TTL of the clock that it was bound to, and takes nothing.
func TestWaitPauses(t *testing.T) {
	server, key := shared.start(t), shared.key()
	l := etcdlock.New([]string{server.addr()}, key, etcdlock.TTL(time.Minute))
	lease := mustTake(t, l)
	clock := hand{clockwork.Real(), make(chan time.Time), make(chan time.Duration, 1)}
	done := make(chan error, 1)
	go func() { done <- l.Bind("/nowhere", clock).(lock.Waiter).Wait(within(t)) }()
	assert.Equal(t, time.Minute, receive(t, clock.set))
	select {
	case err := <-done:
		t.Fatalf("Wait for a held lock = %v", err)
	case clock.fire <- time.Time{}:
	}
	require.NoError(t, receive(t, done))
	require.NoError(t, lease.Renew(within(t)))
}

// An operation is bounded by a TTL, whatever its context.
func TestOperationsAreBounded(t *testing.T) {
	addr := listen(t, speak(""))
	clock := hand{clockwork.Real(), make(chan time.Time), make(chan time.Duration, 1)}
	l := etcdlock.New([]string{addr}, "x", etcdlock.TTL(time.Hour)).Bind("", clock)
	done := make(chan error, 1)
	go func() {
		_, err := l.Acquire(context.Background(), ann)
		done <- err
	}()
	assert.Equal(t, time.Hour, receive(t, clock.set))
	clock.fire <- time.Time{}
	require.ErrorIs(t, receive(t, done), context.DeadlineExceeded)
}

// A connection that has become silent, as one through a gateway that was restarted, is
// not trusted again.
func TestSilentConnection(t *testing.T) {
	network := newProxy(t, shared.start(t).addr())
	l := etcdlock.New([]string{network.addr()}, shared.key(), etcdlock.TTL(time.Minute))
	lease := mustTake(t, l)
	t.Cleanup(network.stall())
	brief, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, lease.Renew(brief), context.DeadlineExceeded)
	network.heal()
	require.NoError(t, lease.Renew(within(t)))
}

// The lock survives its server: a lease goes on after the restart, and so do tokens.
func TestServerRestarts(t *testing.T) {
	server := newServer(t, nil)
	network := newProxy(t, server.addr())
	l := etcdlock.New([]string{network.addr()}, "x", etcdlock.TTL(time.Minute))
	lease := mustTake(t, l)
	waiting := make(chan error, 1)
	go func() {
		ctx := within(t)
		err := l.Wait(ctx)
		for err != nil && ctx.Err() == nil { // it cannot wait during the restart
			<-time.After(20 * time.Millisecond)
			err = l.Wait(ctx)
		}
		waiting <- err
	}()
	for range 2 {
		server.restart(t)
		target := server.addr()
		network.target.Store(&target)
		require.NoError(t, lease.Renew(within(t)))
		_, err := l.Acquire(within(t), bob)
		require.ErrorIs(t, err, lock.ErrHeld)
	}
	release(t, lease)
	require.NoError(t, receive(t, waiting))
	next := mustTake(t, l)
	assert.Greater(t, next.Token(), lease.Token())
}
