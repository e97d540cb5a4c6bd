package lock_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/lock"
	"github.com/evertick/evertick/lock/locktest"
)

func TestNullConforms(t *testing.T) {
	locktest.Run(t, locktest.Subject{
		New:  func(*testing.T) (a, b lock.Locker) { return lock.Null(), lock.Null() },
		Open: true,
	})
}

func TestFileConforms(t *testing.T) {
	var dir string // of the latest lock
	locktest.Run(t, locktest.Subject{
		New: func(t *testing.T) (a, b lock.Locker) {
			dir = filepath.Join(t.TempDir(), "run")
			require.NoError(t, os.Mkdir(dir, 0o755))
			path := filepath.Join(dir, "x.lock")
			return lock.File(path), lock.File(path)
		},
		Exec: execFile,
		Steal: func(t *testing.T, a lock.Locker) {
			require.NoError(t, os.Remove(strings.TrimPrefix(a.String(), "file:")))
			thief, err := a.Acquire(context.Background(), lock.Owner{Name: "thief", PID: 1, Host: "elsewhere", Since: time.Now()})
			require.NoError(t, err)
			t.Cleanup(func() { _ = thief.Release(context.Background()) })
		},
		Victim: func(t *testing.T, a lock.Locker) (kill func()) {
			p := start(t)
			require.Contains(t, p.ask(t, "acquire %s 0", strings.TrimPrefix(a.String(), "file:")), "won ")
			return p.kill
		},
		Outage: func(t *testing.T, on bool) {
			from, to := dir, dir+".away"
			if !on {
				from, to = to, from
			}
			require.NoError(t, os.Rename(from, to))
		},
	})
}

func TestMemoryConforms(t *testing.T) {
	for _, ttl := range []time.Duration{0, time.Second} {
		t.Run(fmt.Sprint("TTL ", ttl), func(t *testing.T) { locktest.Run(t, inMemory(ttl)) })
	}
}

// inMemory is a lock of a Memory as a subject of the suite.
func inMemory(ttl time.Duration) locktest.Subject {
	const host, pid = "elsewhere", 7
	var (
		store *lock.Memory
		gate  locktest.Gate
	)
	s := locktest.Subject{
		New: func(*testing.T) (a, b lock.Locker) {
			store = newStore()
			store.Delay = gate.Pass
			return store.Lock("x", ttl), store.Lock("x", ttl)
		},
		Unparsable: true,
		Steal: func(*testing.T, lock.Locker) {
			store.Steal("x", lock.Owner{Name: "thief", PID: 1, Host: "elsewhere"}, 0)
		},
		Forget: func(*testing.T, lock.Locker) { store.Evict("x") },
		Victim: func(t *testing.T, a lock.Locker) (kill func()) {
			_, err := a.Acquire(t.Context(), lock.Owner{Name: "victim", PID: pid, Host: host})
			require.NoError(t, err)
			return func() { store.Kill(host, pid) }
		},
		Outage: func(_ *testing.T, on bool) {
			if store.SetOutage(nil); on {
				store.SetOutage(errors.New("connection refused"))
			}
		},
		Stall: gate.Stall,
		In:    synctest.Test,
	}
	if ttl > 0 {
		s.Advance = time.Sleep
	}
	return s
}
