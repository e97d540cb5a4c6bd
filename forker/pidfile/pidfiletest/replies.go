package pidfiletest

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/forker/pidfile"
)

// RepliesSubject is the replies to be tested.
type RepliesSubject struct {
	// New returns the replies as the daemon sees them, and as the process does
	// that has signalled it, which may be the same; the daemon's number; and a
	// folder, empty and writable, absolute. It is called once for each case.
	New func(t *testing.T) (daemon, asker pidfile.Replies, pid int, dir string)

	// In runs each case, as synctest.Test does for replies that belong into a
	// bubble. Nil runs it as it is.
	In func(t *testing.T, test func(t *testing.T))
}

// RunReplies tests the subject, each promise of pidfile.Replies in a subtest of
// its own.
func RunReplies(t *testing.T, s RepliesSubject) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, r replies)
	}{
		{"a reply arrives", replyArrives},
		{"a reply that comes before it is waited for arrives", replyIsKept},
		{"a reply without a listener is no matter", replyWithoutListener},
		{"any number may listen", manyListen},
		{"one reply after the other arrives", repliesFollow},
		{"a reply of another process does not count", otherProcessDoesNotCount},
		{"a long path is no matter", longPath},
		{"the wait ends with its context", waitEndsWithContext},
		{"each daemon has replies of its own", repliesAreSeparate},
		{"nothing is left of a wait that has ended", nothingIsLeft},
	} {
		run(t, c.name, s.In, func(t *testing.T) {
			daemon, asker, pid, dir := s.New(t)
			c.test(t, replies{daemon, asker, pid, dir})
		})
	}
}

// replies are what is tested.
type replies struct {
	daemon, asker pidfile.Replies
	number        int
	dir           string
}

func (r replies) pid(name string) string { return filepath.Join(r.dir, name) }

func (r replies) listen(t *testing.T, name string) pidfile.Reply {
	t.Helper()
	a, err := r.asker.Listen(r.pid(name), r.number)
	require.NoError(t, err)
	return a
}

func text(t *testing.T, a pidfile.Reply) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), guard)
	defer cancel()
	text, err := a.Wait(ctx)
	require.NoError(t, err)
	return text
}

func replyArrives(t *testing.T, r replies) {
	a := r.listen(t, "d.pid")
	came := make(chan string, 1)
	go func() { came <- text(t, a) }()
	long := "ok " + strings.Repeat("a dump of several lines\n", 100)
	r.daemon.Give(r.pid("d.pid"), long)
	require.Equal(t, long, <-came)
	require.NoError(t, a.Close())
}

func replyIsKept(t *testing.T, r replies) {
	a := r.listen(t, "d.pid")
	r.daemon.Give(r.pid("d.pid"), "ok")
	require.Equal(t, "ok", text(t, a))
	require.NoError(t, a.Close())
}

func replyWithoutListener(_ *testing.T, r replies) {
	r.daemon.Give(r.pid("d.pid"), "ok")
}

func manyListen(t *testing.T, r replies) {
	var all []pidfile.Reply
	for range 20 {
		all = append(all, r.listen(t, "d.pid"))
	}
	require.NoError(t, all[7].Close())
	r.daemon.Give(r.pid("d.pid"), "ok")
	for i, a := range all {
		if i != 7 {
			require.Equal(t, "ok", text(t, a))
			require.NoError(t, a.Close())
		}
	}
}

func repliesFollow(t *testing.T, r replies) {
	a := r.listen(t, "d.pid")
	for _, sent := range []string{"one", "two", "three"} {
		r.daemon.Give(r.pid("d.pid"), sent)
	}
	for _, sent := range []string{"one", "two", "three"} {
		require.Equal(t, sent, text(t, a))
	}
	require.NoError(t, a.Close())
}

func otherProcessDoesNotCount(t *testing.T, r replies) {
	a := r.listen(t, "d.pid")
	r.number++
	b := r.listen(t, "d.pid")
	r.daemon.Give(r.pid("d.pid"), "ok")
	require.Equal(t, "ok", text(t, a))
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	_, err := b.Wait(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NoError(t, errors.Join(a.Close(), b.Close()))
}

func longPath(t *testing.T, r replies) {
	for _, n := range []int{39, 40, 41, 90, 91, 200} {
		name := strings.Repeat("x", n)
		a, b := r.listen(t, name+"1"), r.listen(t, name+"2")
		r.daemon.Give(r.pid(name+"2"), "2")
		r.daemon.Give(r.pid(name+"1"), "1")
		require.Equal(t, "1", text(t, a))
		require.Equal(t, "2", text(t, b))
		require.NoError(t, errors.Join(a.Close(), b.Close()))
	}
}

func waitEndsWithContext(t *testing.T, r replies) {
	a := r.listen(t, "d.pid")
	reason := errors.New("enough")
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(reason)
	_, err := a.Wait(ctx)
	require.ErrorIs(t, err, reason)
	require.NoError(t, a.Close())
}

func repliesAreSeparate(t *testing.T, r replies) {
	a, b := r.listen(t, "a.pid"), r.listen(t, "b.pid")
	r.daemon.Give(r.pid("b.pid"), "b")
	r.daemon.Give(r.pid("a.pid"), "a")
	require.Equal(t, "a", text(t, a))
	require.Equal(t, "b", text(t, b))
	require.NoError(t, a.Close())
	require.NoError(t, b.Close())
}

func nothingIsLeft(t *testing.T, r replies) {
	a := r.listen(t, "d.pid")
	require.NoError(t, a.Close())
	r.daemon.Give(r.pid("d.pid"), "to nobody")
	a = r.listen(t, "d.pid")
	r.daemon.Give(r.pid("d.pid"), "to the next")
	require.Equal(t, "to the next", text(t, a))
	require.NoError(t, a.Close())
}
