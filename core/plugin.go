package core

import (
	"context"
	"fmt"
	"sync"
)

// Plugin is one optional capability of a daemon. A plugin's life:
//
//  1. Check, before anything is touched, also in the child that tries a new
//     binary. It must change nothing.
//  2. Setup, once the lock is won and the log is open, in the order in which
//     the plugins were declared, before the daemon's own Setup.
//  3. Teardown, in reverse order, for each plugin whose Setup was begun and
//     returned nil. Each image of a restarted daemon sets up and tears down
//     anew.
//
// A panic counts as an error.
type Plugin interface {
	// Name is short and unique among a daemon's plugins; it stands in front of
	// the plugin's errors.
	Name() string

	// Check tells what the plugin misses in its environment; errors.Join tells
	// several things at once.
	Check(ctx context.Context, d *Daemon) error

	// Setup prepares the plugin. Its error shuts the daemon down.
	Setup(ctx context.Context, d *Daemon) error

	// Teardown undoes Setup. Its error is logged.
	Teardown(ctx context.Context, d *Daemon) error
}

// stage is one thing that was set up, with what undoes it.
type stage struct {
	name string
	undo Func
}

// stages is what teardown has to undo, exactly. A setup that hangs may still
// hold it when teardown begins.
type stages struct {
	mu   sync.Mutex // held for instants only
	done []stage
}

func (s *stages) push(name string, undo Func) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done = append(s.done, stage{name, undo})
}

func (s *stages) pop() (stage, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.done) == 0 {
		return stage{}, false
	}
	last := s.done[len(s.done)-1]
	s.done = s.done[:len(s.done)-1]
	return last, true
}

// setUp runs plugins' Setup and the daemon's own.
func (d *Daemon) setUp(ctx context.Context) error {
	for _, p := range d.set.plugins {
		if err := recovered(func() error { return p.Setup(ctx, d) }); err != nil {
			return fmt.Errorf("plugin %s: setup: %w", p.Name(), err)
		}
		d.undo.push("plugin "+p.Name(), p.Teardown)
	}
	for _, f := range d.set.setup {
		if err := recovered(func() error { return f(ctx, d) }); err != nil {
			return fmt.Errorf("setup: %w", err)
		}
	}
	for _, f := range d.set.teardown {
		d.undo.push("daemon", f)
	}
	return nil
}

// tearDown undoes in reverse what setUp did. An error or panic in one does not
// keep the others from running.
func (d *Daemon) tearDown(ctx context.Context) {
	for {
		last, ok := d.undo.pop()
		if !ok {
			return
		}
		d.guard(last.name+": teardown", func() error { return last.undo(ctx, d) })
	}
}
