package memcachedlock_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/lock"
)

const (
	chaosTTL = 4 * time.Second

	// renewEvery is how long a holder that lost its lock goes on, at worst, while
	// the server answers.
	renewEvery = chaosTTL / 5

	// margin is what a holder keeps between its deadline and the end of its lease: a
	// quarter, as a daemon does. A server that gets no processor has a clock that is
	// a little behind.
	margin = (chaosTTL - time.Second) / 4

	// slice is a piece of a holder's work.
	slice = 3 * time.Millisecond
)

// boot is a reading that all processes of the machine share.
func boot() time.Duration { return clockwork.Real().Boot() }

// contender is a process that wants the lock again and again. Before each slice of
// its work it makes sure that its deadline has not come, and then writes to the
// witness that it was entitled to work at that instant.
type contender struct {
	lock    lock.Locker
	witness *os.File
	mistake string // that it makes, to show that the witness notices
}

// mistakeEnv names the mistake.
const mistakeEnv = "EVERTICK_MEMCACHEDLOCK_MISTAKE"

// contend is a contender's main. It ends with its standard input.
func contend(url, witness string, in io.Reader) error {
	go func() {
		_, _ = io.Copy(io.Discard, in)
		os.Exit(0)
	}()
	l, err := lock.Parse(url)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(witness, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	c := &contender{l, file, os.Getenv(mistakeEnv)}
	for {
		asked := boot()
		ctx, cancel := context.WithTimeout(context.Background(), chaosTTL)
		lease, err := c.lock.Acquire(ctx, self())
		cancel()
		if err == nil {
			c.hold(lease, asked)
			continue
		}
		if !errors.Is(err, lock.ErrHeld) || c.lock.(lock.Waiter).Wait(context.Background()) != nil {
			<-time.After(20 * time.Millisecond)
		}
	}
}

// tenure is a lease that a contender works under.
type tenure struct {
	lease lock.Lease

	mu       sync.Mutex
	deadline time.Duration // a Boot reading; 0: it is lost
}

func (t *tenure) until() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.deadline
}

// confirmed moves the deadline by what was asked at that instant.
func (t *tenure) confirmed(asked time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.deadline = asked + t.lease.TTL() - margin
}

func (t *tenure) lost() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.deadline = 0
}

// hold works for a while, or until the lease is over, and releases it.
func (c *contender) hold(lease lock.Lease, asked time.Duration) {
	t := &tenure{lease: lease}
	t.confirmed(asked)
	ctx, stop := context.WithCancel(context.Background())
	var renewing sync.WaitGroup
	renewing.Go(func() { t.renew(ctx) })
	// It is not done because time has passed: after SIGCONT, only the deadline keeps it
	// from working on.
	for range 60 + rand.IntN(600) {
		now := boot()
		if now >= t.until() && c.mistake != "deadline" {
			break
		}
		_, _ = fmt.Fprintf(c.witness, "%d %d %d\n", lease.Token(), os.Getpid(), now)
		<-time.After(slice)
	}
	stop()
	renewing.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), chaosTTL)
	defer cancel()
	_ = lease.Release(ctx)
}

// renew renews the lease until the context ends.
func (t *tenure) renew(ctx context.Context) {
	for pause := renewEvery; ; {
		if clockwork.Sleep(ctx, clockwork.Real(), pause) != nil {
			return
		}
		asked := boot()
		limited, cancel := context.WithTimeout(ctx, chaosTTL)
		err := t.lease.Renew(limited)
		cancel()
		switch {
		case err == nil:
			t.confirmed(asked)
			pause = renewEvery
		case errors.Is(err, lock.ErrLost):
			t.lost()
			return
		default:
			pause = 50 * time.Millisecond
		}
	}
}
