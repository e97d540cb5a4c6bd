package core

import (
	"context"
)

// Plugin is one optional capability of a daemon. A plugin's life:
//
//  1. Check, before anything is touched, also in the child that tries a new
//     binary. It must change nothing.
//  2. Setup, once the lock is won and the log is open, in the order in which
//     the plugins were declared, before the daemon's own Setup.
//  3. Teardown, in reverse order, for each plugin whose Setup returned nil.
//     Each program of a restarted daemon sets up and tears down for itself.
//
// A panic counts as an error.
type Plugin interface {
	// Name is short and unique among a daemon's plugins; it stands in front of
	// the plugin's errors.
	Name() string

	// Check returns what the plugin lacks in its environment; errors.Join
	// tells several things at once.
	Check(ctx context.Context, d *Daemon) error

	// Setup prepares the plugin. Its error shuts the daemon down.
	Setup(ctx context.Context, d *Daemon) error

	// Teardown undoes Setup. Its error is logged.
	Teardown(ctx context.Context, d *Daemon) error
}
