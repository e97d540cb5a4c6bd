package etcdlock_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/lock"
)

const (
	// witnessEnv is the file to which each contender appends what it executes.
	witnessEnv = "EVERTICK_ETCDLOCK_WITNESS"

	// breakEnv names a mistake that the contenders make, to show that the witness
	// notices.
	breakEnv = "EVERTICK_ETCDLOCK_BREAK"
)

// contender is a process that wants the lock, as a daemon does: it renews a lease at
// a fifth of its TTL, and stops at its own deadline.
type contender struct {
	lock    lock.Locker
	who     lock.Owner
	clock   clockwork.Clock
	witness *os.File
	holds   int
}

// contend ends with its standard input.
func contend(url string) int {
	l, err := lock.Parse(url)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	witness, err := os.OpenFile(os.Getenv(witnessEnv), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	c := &contender{
		lock: l, clock: clockwork.Real(), witness: witness,
		who: lock.Owner{Name: "contender", PID: os.Getpid(), Host: "here"},
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	for {
		if err := c.life(); err != nil {
			fmt.Println(err)
			return 1
		}
	}
}

// life waits for the lock, and holds it until it is lost or has been held for long.
func (c *contender) life() error {
	asked := c.clock.Boot()
	lease, err := c.lock.Acquire(context.Background(), c.who)
	switch {
	case err == nil:
		return c.hold(lease, asked)
	case errors.Is(err, lock.ErrHeld):
		err = c.lock.(lock.Waiter).Wait(context.Background())
	}
	if err != nil {
		<-time.After(50 * time.Millisecond)
	}
	return nil
}

// hold executes for as long as the lease is certainly its own. Every third hold ends
// with a Release.
func (c *contender) hold(lease lock.Lease, asked time.Duration) error {
	c.holds++
	ttl := lease.TTL()
	safe := ttl - ttl/4
	if os.Getenv(breakEnv) == "deadline" {
		safe = ttl + time.Minute
	}
	deadline, next := asked+safe, asked+ttl/5
	for begun := asked; ; {
		now := c.clock.Boot()
		switch {
		case now >= deadline, c.holds%3 == 0 && now-begun > ttl:
			ctx, cancel := context.WithTimeout(context.Background(), ttl/2)
			defer cancel()
			_ = lease.Release(ctx)
			return nil
		case now >= next:
			ctx, cancel := context.WithTimeout(context.Background(), ttl/5)
			err := lease.Renew(ctx)
			cancel()
			if err == nil || os.Getenv(breakEnv) == "renew" {
				deadline = now + safe
			} else if errors.Is(err, lock.ErrLost) {
				return nil
			}
			next = now + ttl/5
			continue
		}
		if err := c.execute(lease.Token(), now, deadline); err != nil {
			return err
		}
	}
}

// execute works for a moment, and writes down when, in one piece.
func (c *contender) execute(token uint64, start, deadline time.Duration) error {
	<-time.After(10 * time.Millisecond)
	_, err := fmt.Fprintf(c.witness, "%d %d %d %d %d\n", os.Getpid(), token, start, c.clock.Boot(), deadline)
	return err
}
