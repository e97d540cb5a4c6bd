package core

import (
	"context"
	"fmt"
)

// tell runs the handlers of a hook in this goroutine.
func (d *Daemon) tell(ctx context.Context, h HookInfo) {
	for _, f := range d.set.handlers[h.Hook] {
		d.guard("handler of "+h.Hook.String(), func() error {
			f(ctx, d, h)
			return nil
		})
	}
}

// guard runs f and logs what it returns or panics with.
func (d *Daemon) guard(what string, f func() error) {
	if err := recovered(f); err != nil {
		d.Logf("Error: %s: %s", what, describe(err))
	}
}

// setUp runs plugins' Setup and the daemon's own.
func (d *Daemon) setUp(ctx context.Context) error {
	for _, p := range d.set.plugins {
		if err := recovered(func() error { return p.Setup(ctx, d) }); err != nil {
			return fmt.Errorf("plugin %s: setup: %w", p.Name(), err)
		}
		d.cleanups.push("plugin "+p.Name(), func(ctx context.Context) error { return p.Teardown(ctx, d) })
	}
	for _, s := range d.set.stages {
		if s.teardown != nil {
			d.cleanups.push("daemon", func(ctx context.Context) error { return s.teardown(ctx, d) })
			continue
		}
		if err := recovered(func() error { return s.setup(ctx, d) }); err != nil {
			return fmt.Errorf("setup: %w", err)
		}
	}
	return nil
}

// tearDown undoes in reverse what setUp did. An error, a panic or a Goexit in
// one does not keep the others from running.
func (d *Daemon) tearDown(ctx context.Context) { d.undo(ctx, d.cleanups.begin()) }

func (d *Daemon) undo(ctx context.Context, teardown int) {
	last, ok := d.cleanups.pop(teardown)
	if !ok {
		return
	}
	returned := false
	defer func() {
		if !returned {
			d.Logf("Error: %s: teardown: %v", last.name, errGoexit)
		}
		d.undo(ctx, teardown)
	}()
	d.guard(last.name+": teardown", func() error { return last.undo(ctx) })
	returned = true
}
