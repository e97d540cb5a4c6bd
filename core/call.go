package core

import (
	"context"
	"fmt"

	"github.com/evertick/evertick/core/host"
)

// tell runs the handlers of hooks in this goroutine, in that order. A panic or
// a Goexit in one does not keep the others from running.
func (d *Daemon) tell(ctx context.Context, hooks ...HookInfo) {
	if len(hooks) == 0 {
		return
	}
	defer d.tell(ctx, hooks[1:]...)
	handlers := d.set.handlers[hooks[0].Hook]
	if len(handlers) > 0 {
		d.observe(host.Observation{Kind: host.Calling, Text: hooks[0].Hook.String()})
	}
	d.handle(ctx, hooks[0], handlers)
}

func (d *Daemon) handle(ctx context.Context, h HookInfo, handlers []Handler) {
	if len(handlers) == 0 {
		return
	}
	defer d.handle(ctx, h, handlers[1:])
	d.guard("handler of "+h.Hook.String(), func() error {
		handlers[0](ctx, d, h)
		return nil
	})
}

// Alertf logs a message, mails it to the alert list, and calls the handlers of
// HookError, with what %w wraps. It never blocks.
//
// Alerts with the same format are of one kind: the first one is mailed at once,
// those of the next five minutes are one digest, and so on. The log has each.
func (d *Daemon) Alertf(format string, args ...any) { d.AlertAs(format, format, args...) }

// AlertAs is Alertf with a kind of its own, where one format is not one kind, or
// several are. About a hundred kinds are told apart.
func (d *Daemon) AlertAs(kind, format string, args ...any) {
	err := fmt.Errorf(format, args...)
	d.alert(userKind+kind, err.Error())
	d.tellAlert(err)
}

// tellAlert has the handlers of HookError called beside the loop.
func (d *Daemon) tellAlert(err error) {
	if q := d.alertHandlers.Load(); q != nil {
		h := HookInfo{Hook: HookError, Err: err, Iteration: d.Iteration()}
		q.addAlert(func() { d.tell(q.ctx, h) })
	}
}

// guard runs f and logs what it returns or panics with, and that it has ended
// its goroutine.
func (d *Daemon) guard(what string, f func() error) {
	returned := false
	defer func() {
		if !returned {
			d.Logf("Error: %s: %v", what, errGoexit)
		}
	}()
	if err := recovered(f); err != nil {
		d.Logf("Error: %s: %s", what, describe(err))
	}
	returned = true
}

// warmUp runs the functions of WarmUp. Once ctx is done it begins no further one.
func (d *Daemon) warmUp(ctx context.Context) error {
	d.observe(host.Observation{Kind: host.Calling, Text: "WarmUp"})
	for _, f := range d.set.warmUps {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := recovered(func() error { return f(ctx, d) }); err != nil {
			return fmt.Errorf("warm-up: %w", err)
		}
	}
	return nil
}

// setUp runs plugins' Setup and the daemon's own. Once ctx is done it begins no
// further one.
func (d *Daemon) setUp(ctx context.Context) error {
	d.observe(host.Observation{Kind: host.Calling, Text: "Setup"})
	for _, p := range d.set.plugins {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
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
		if ctx.Err() != nil {
			return context.Cause(ctx)
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
	defer d.undo(ctx, teardown)
	d.guard(last.name+": teardown", func() error { return last.undo(ctx) })
}
