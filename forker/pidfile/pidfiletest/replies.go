package pidfiletest

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/forker/pidfile"
)

// RepliesSubject is the replies to be tested.
type RepliesSubject struct {
	// New returns the replies as the daemon sees them, and as the process does
	// that has signalled it, which may be the same; and a folder, empty and
	// writable, absolute. It is called once for each case.
	New func(t *testing.T) (daemon, asker pidfile.Replies, dir string)

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
		{"only one may listen", oneListens},
		{"the wait ends with its context", waitEndsWithContext},
		{"each daemon has replies of its own", repliesAreSeparate},
		{"nothing is left of a wait that has ended", nothingIsLeft},
	} {
		run(t, c.name, s.In, func(t *testing.T) {
			daemon, asker, dir := s.New(t)
			c.test(t, replies{daemon, asker, dir})
		})
	}
}

// replies are what is tested.
type replies struct {
	daemon, asker pidfile.Replies
	dir           string
}

func (r replies) pid(name string) string { return filepath.Join(r.dir, name) }

func (r replies) listen(t *testing.T, name string) pidfile.Reply {
	t.Helper()
	a, err := r.asker.Listen(r.pid(name))
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

func oneListens(t *testing.T, r replies) {
	a := r.listen(t, "d.pid")
	_, err := r.asker.Listen(r.pid("d.pid"))
	require.Error(t, err)
	r.daemon.Give(r.pid("d.pid"), "ok")
	require.Equal(t, "ok", text(t, a), "the other one has not disturbed")
	require.NoError(t, a.Close())
	require.NoError(t, r.listen(t, "d.pid").Close())
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
