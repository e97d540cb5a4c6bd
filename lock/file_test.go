package lock_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/evertick/evertick/lock"
)

// execFile gives the next program a descriptor of its own, because this one
// belongs to an os.File that would close it.
func execFile(t *testing.T, h lock.Handoff) lock.Handoff {
	fd, err := unix.Dup(int(h.File.Fd()))
	require.NoError(t, err)
	before := "fd:" + strconv.Itoa(int(h.File.Fd())) + ","
	require.True(t, strings.HasPrefix(h.Value, before), h.Value)
	h.Value = "fd:" + strconv.Itoa(fd) + "," + strings.TrimPrefix(h.Value, before)
	return h
}

func mustTake(t *testing.T, path string) lock.Lease {
	t.Helper()
	lease, err := lock.File(path).Acquire(t.Context(), self())
	require.NoError(t, err)
	t.Cleanup(func() { _ = lease.Release(context.Background()) })
	return lease
}

func content(t *testing.T, path string) (d struct {
	lock.Owner
	Token uint64
},
) {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &d), "%s", text)
	return d
}

// The file tells people who holds the lock, and no lie after its release.
func TestFileDetails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.lock")
	lease := mustTake(t, path)
	d := content(t, path)
	assert.Equal(t, os.Getpid(), d.PID)
	assert.Equal(t, "helper", d.Name)
	assert.Equal(t, lease.Token(), d.Token)

	require.NoError(t, os.WriteFile(path, []byte(strings.Repeat("scribble", 100)), 0o644))
	require.NoError(t, lease.Renew(t.Context()))
	assert.Equal(t, d, content(t, path), "Renew writes the details again")

	old := time.Now().Add(-240 * time.Hour)
	require.NoError(t, os.Chtimes(path, old, old))
	require.NoError(t, lease.Renew(t.Context()))
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.WithinDuration(t, time.Now(), info.ModTime(), time.Minute, "Renew keeps the file young")
	assert.EqualValues(t, 0o644, info.Mode().Perm()|0o044)

	require.NoError(t, lease.Release(t.Context()))
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, `{"token":`+strconv.FormatUint(lease.Token(), 10)+"}\n", string(text))
}

// The lock is held whatever the file says, and the error is a single line.
func TestFileHeldWhateverItSays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.lock")
	mustTake(t, path)
	for text, says := range map[string]string{
		"":                                    "its owner has left no details",
		"garbage":                             "its owner has left no details",
		`{"token":7}`:                         "its owner has left no details",
		`{"pid":-4,"name":3}`:                 "its owner has left no details",
		staleDetails("gone"):                  "is held by dead, PID 4194305 on gone, since 2026-01-02 03:04:05",
		staleDetails("gone") + `ken":9}rest`:  "is held by dead",
		`{"pid":4194305,"name":"a\nERROR b"}`: "is held by a\uFFFDERROR b, PID 4194305",
	} {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		_, err := lock.File(path).Acquire(t.Context(), self())
		require.ErrorIs(t, err, lock.ErrHeld)
		assert.ErrorContains(t, err, says)
		assert.NotContains(t, err.Error(), "\n")
	}
}

// Tokens grow over owners, over the file's deletion, over what a crash has left in it,
// and over a wall clock that was put back.
func TestFileTokensGrow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.lock")
	var last uint64
	who := self()
	next := func(name string) {
		lease, err := lock.File(path).Acquire(t.Context(), who)
		require.NoError(t, err, name)
		assert.Greater(t, lease.Token(), last, name)
		assert.Less(t, lease.Token(), uint64(1<<53), "%s: it stays readable for every JSON parser", name)
		last = lease.Token()
		require.NoError(t, lease.Release(t.Context()))
	}
	next("first")
	next("second")
	who.Since = who.Since.Add(-time.Hour)
	next("an hour back")
	who.Since = time.Time{}
	next("no time at all")
	who = self()
	next("back again")
	for name, text := range map[string]string{
		"empty":          "",
		"zeros":          "\x00\x00\x00\x00",
		"torn":           `{"name":"poller","pid":4`,
		"absurd":         `{"token":` + strconv.FormatUint(math.MaxUint64, 10) + `}`,
		"more than that": `{"token":99999999999999999999999}`,
		"negative":       `{"token":-1}`,
	} {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		who = self()
		next(name)
	}
	require.NoError(t, os.Remove(path))
	who = self()
	next("deleted")
}

// A deleted or replaced file is locked again by the next Renew, with the same
// token, and rivals are refused again.
func TestFileRenewLocksAReplacedFile(t *testing.T) {
	for name, replace := range map[string]func(path string) error{
		"deleted": os.Remove,
		"moved":   func(path string) error { return os.Rename(path, path+".old") },
		"replaced by an empty one": func(path string) error {
			return os.Rename(writeTo(t, path+".new", ""), path)
		},
		"replaced by a copy": func(path string) error {
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			return os.Rename(writeTo(t, path+".new", string(text)), path)
		},
		"replaced by an older copy": func(path string) error {
			return os.Rename(writeTo(t, path+".new", staleDetails("gone")), path)
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x.lock")
			lease := mustTake(t, path)
			token := lease.Token()
			for range 2 {
				require.NoError(t, replace(path))
				require.NoError(t, lease.Renew(t.Context()))
				assert.Equal(t, token, lease.Token())
				assert.Equal(t, token, content(t, path).Token)
				_, err := lock.File(path).Acquire(t.Context(), self())
				require.ErrorIs(t, err, lock.ErrHeld)
			}
			require.NoError(t, lease.Release(t.Context()))
			mustTake(t, path)
		})
	}
}

func writeTo(t *testing.T, path, text string) string {
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	return path
}

// An owner who had the lock in between has a greater token, and may have
// written under it: the lease is lost, even though the lock is free again.
func TestFileOwnerInBetween(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.lock")
	lease := mustTake(t, path)
	require.NoError(t, os.Remove(path))
	thief := mustTake(t, path)
	require.Greater(t, thief.Token(), lease.Token())
	require.NoError(t, thief.Release(t.Context()))
	for range 2 {
		err := lease.Renew(t.Context())
		require.ErrorIs(t, err, lock.ErrLost)
		_, err = lease.Handoff()
		require.ErrorIs(t, err, lock.ErrLost)
	}
	require.NoError(t, lease.Release(t.Context()))
	mustTake(t, path)
}

// A failure to look is no loss: the folder may come back.
func TestFileRenewFailsForNow(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	require.NoError(t, os.Mkdir(dir, 0o755))
	path := filepath.Join(dir, "x.lock")
	lease := mustTake(t, path)
	require.NoError(t, os.Rename(dir, dir+".away"))
	err := lease.Renew(t.Context())
	require.Error(t, err)
	require.NotErrorIs(t, err, lock.ErrLost)
	require.NoError(t, os.Rename(dir+".away", dir))
	require.NoError(t, lease.Renew(t.Context()))
}

// What exec did not pass on, or passed on wrongly, is refused and left alone.
func TestFileInheritsOnlyItsOwn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.lock")
	lease := mustTake(t, path)
	h, err := lease.Handoff()
	require.NoError(t, err)

	other, err := os.Create(filepath.Join(t.TempDir(), "other"))
	require.NoError(t, err)
	defer func() { require.NoError(t, other.Close(), "it must not have been closed") }()
	rest := h.Value[strings.Index(h.Value, ","):]
	for value, says := range map[string]string{
		"fd:" + strconv.Itoa(int(other.Fd())) + rest: "is another file than the one that was passed on",
		"fd:1000000" + rest:                          "was not passed on",
		"fd:-1" + rest:                               "is no handoff",
		h.Value + "0x":                               "is no handoff",
	} {
		_, err := lock.File(path).Inherit(t.Context(), self(), value)
		assert.ErrorContains(t, err, "lock: inherit file:"+path)
		assert.ErrorContains(t, err, says)
		assert.Equal(t, says != "is no handoff", errors.Is(err, lock.ErrLost), "%v", err)
	}
	require.NoError(t, lease.Renew(t.Context()))
}

// An inherited lock whose file was deleted during the restart is locked again.
func TestFileInheritLocksADeletedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.lock")
	lease := mustTake(t, path)
	h, err := lease.Handoff()
	require.NoError(t, err)
	h = execFile(t, h)
	require.NoError(t, os.Remove(path))
	next, err := lock.File(path).Inherit(t.Context(), self(), h.Value)
	require.NoError(t, err)
	assert.Equal(t, lease.Token(), next.Token())
	_, err = lock.File(path).Acquire(t.Context(), self())
	require.ErrorIs(t, err, lock.ErrHeld)
	require.NoError(t, next.Release(t.Context()))
}

// Bind resolves a relative path, once.
func TestFileBind(t *testing.T) {
	for _, c := range []struct{ path, dir, want string }{
		{"x.lock", "/run", "file:/run/x.lock"},
		{"a/../x.lock", "/run", "file:/run/x.lock"},
		{"/tmp/x.lock", "/run", "file:/tmp/x.lock"},
		{"", "/run", "file:"},
	} {
		l := lock.File(c.path).Bind(c.dir, nil)
		assert.Equal(t, c.want, l.String())
		assert.Equal(t, c.want, l.(lock.Binder).Bind("/elsewhere", nil).String())
	}
}

// Where Inherit fails for now, the lock stays held, and the same handoff works
// later: the folder may come back.
func TestFileInheritMayBeTriedAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	require.NoError(t, os.Mkdir(dir, 0o755))
	path := filepath.Join(dir, "x.lock")
	lease := mustTake(t, path)
	h, err := lease.Handoff()
	require.NoError(t, err)
	h = execFile(t, h)
	require.NoError(t, h.File.Close()) // as exec does; the duplicate keeps the lock

	require.NoError(t, os.Rename(dir, dir+".away"))
	for range 2 {
		_, err = lock.File(path).Inherit(t.Context(), self(), h.Value)
		require.Error(t, err)
		require.NotErrorIs(t, err, lock.ErrLost)
	}
	require.NoError(t, os.Rename(dir+".away", dir))
	_, err = lock.File(path).Acquire(t.Context(), self())
	require.ErrorIs(t, err, lock.ErrHeld, "it was freed in between")

	next, err := lock.File(path).Inherit(t.Context(), self(), h.Value)
	require.NoError(t, err)
	assert.Equal(t, lease.Token(), next.Token())
	require.NoError(t, next.Release(t.Context()))
	_, err = lock.File(path).Inherit(t.Context(), self(), h.Value)
	require.ErrorContains(t, err, "was not passed on", "the descriptor was left open")
}

// A process without a free descriptor keeps what it was handed.
func TestFileInheritWithoutAFreeDescriptor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.lock")
	p := start(t)
	token := strings.TrimPrefix(p.ask(t, "acquire %s 0", path), "won ")
	require.Contains(t, p.ask(t, "exec-starved %s", path), "too many open files")
	_, err := lock.File(path).Acquire(t.Context(), self())
	require.ErrorIs(t, err, lock.ErrHeld)
	require.Equal(t, "inherited "+token, p.ask(t, "inherit"))
	require.Equal(t, "ok", p.ask(t, "release"))
}
