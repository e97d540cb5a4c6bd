package lock_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/lock"
)

// staleDetails are what a killed owner leaves behind. The PID is greater than
// any that Linux gives.
func staleDetails(host string) string {
	return fmt.Sprintf(`{"name":"dead","pid":4194305,"host":%q,"since":"2026-01-02T03:04:05Z","token":42}`+"\n", host)
}

var starterRounds = flag.Int("starters.rounds", 52, "how often TestTwentyStartersOneWinner starts twenty at once")

// Twenty processes want the lock at the same instant. Whatever was there
// before, exactly one gets it, and the others are told that it is held.
func TestTwentyStartersOneWinner(t *testing.T) {
	const starters, befores = 20, 4
	var crowd []*process
	for range starters {
		crowd = append(crowd, start(t))
	}
	for _, c := range []struct {
		name   string
		before func(path string) error
	}{
		{"fresh", func(string) error { return nil }},
		{"stale", func(path string) error { return os.WriteFile(path, []byte(staleDetails(self().Host)), 0o644) }},
		{"empty", func(path string) error { return os.WriteFile(path, nil, 0o644) }},
		{"torn", func(path string) error { return os.WriteFile(path, []byte(staleDetails(self().Host)[:30]), 0o644) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			for round := range (*starterRounds + befores - 1) / befores {
				path := filepath.Join(t.TempDir(), fmt.Sprint("round-", round))
				require.NoError(t, c.before(path))
				at := time.Now().Add(20 * time.Millisecond).UnixNano()
				for _, p := range crowd {
					p.tell(t, "acquire %s %d", path, at)
				}
				var winners, losers []*process
				var answers []string
				for _, p := range crowd {
					if answer := p.answer(t); strings.HasPrefix(answer, "won ") {
						winners = append(winners, p)
					} else {
						answers = append(answers, answer)
						losers = append(losers, p)
					}
				}
				require.Len(t, winners, 1)
				require.Len(t, losers, starters-1)
				// The winner's details may not have been written yet, or still be
				// those of the dead owner. From now on they are known.
				won := fmt.Sprint("held ", winners[0].pid())
				require.Subset(t, []string{won, "held 0", "held 4194305"}, answers)
				for _, p := range losers {
					p.tell(t, "acquire %s 0", path)
				}
				for _, p := range losers {
					require.Equal(t, won, p.answer(t))
				}
				require.Equal(t, "ok", winners[0].ask(t, "release"))
			}
		})
	}
}

// The kernel frees the lock of a process that is killed, at once.
func TestKilledHolderFreesAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.lock")
	var last uint64
	for range 3 {
		p := start(t)
		require.Contains(t, p.ask(t, "acquire %s 0", path), "won ")
		_, err := lock.File(path).Acquire(t.Context(), self())
		var held *lock.HeldError
		require.ErrorAs(t, err, &held)
		assert.Equal(t, p.pid(), held.Holder.PID)
		p.kill()

		lease, err := lock.File(path).Acquire(t.Context(), self())
		require.NoError(t, err)
		assert.Greater(t, lease.Token(), last)
		last = lease.Token()
		require.NoError(t, lease.Release(t.Context()))
	}
}

// A child that outlives the holder does not keep the lock.
func TestChildrenDoNotInheritTheLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.lock")
	p := start(t)
	require.Contains(t, p.ask(t, "acquire %s 0", path), "won ")
	pid, err := strconv.Atoi(p.ask(t, "spawn"))
	require.NoError(t, err)
	child, err := os.FindProcess(pid)
	require.NoError(t, err)
	defer func() { _ = child.Kill() }()
	p.kill()
	require.NoError(t, child.Signal(syscall.Signal(0)), "the child lives on")
	mustTake(t, path)
}

// A process hands the lock to its next program ten times, while a rival asks for
// it as fast as it can. The rival never gets it.
func TestExecNeverFreesTheLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.lock")
	p := start(t)
	token := strings.TrimPrefix(p.ask(t, "acquire %s 0", path), "won ")

	ctx, stop := context.WithCancel(t.Context())
	var tries atomic.Int64
	rival := make(chan error, 1)
	go func() {
		for ctx.Err() == nil {
			if _, err := lock.File(path).Acquire(context.Background(), self()); !errors.Is(err, lock.ErrHeld) {
				rival <- fmt.Errorf("the rival got %w", errors.Join(err, errors.New("an answer that is not ErrHeld")))
				return
			}
			tries.Add(1)
		}
		rival <- nil
	}()
	for len(rival) == 0 && tries.Load() <= 10 { // on a busy machine the rival may come late
		require.Equal(t, "inherited "+token, p.ask(t, "exec %s 10", path))
	}
	stop()
	require.NoError(t, <-rival)

	assert.Equal(t, "ok", p.ask(t, "renew"))
	assert.Equal(t, "ok", p.ask(t, "release"))
	lease, err := lock.File(path).Acquire(t.Context(), self())
	require.NoError(t, err)
	require.NoError(t, lease.Release(t.Context()))
}
