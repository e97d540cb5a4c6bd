package core

import (
	"context"

	"github.com/alecthomas/kingpin/v2"
)

// Plugin is one optional capability of a daemon. A plugin's life:
//
//  1. Check, before anything is touched, also in the child that tries a new
//     binary. It must change nothing.
//  2. Setup, once the lock is won and the log is open, in the order in which
//     the plugins were declared, before the daemon's own Setup. After a signal
//     to stop no further one begins.
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

// FlagPlugin is a [Plugin] that has flags of its own. Flags is called with the
// daemon's kingpin application before the command line is parsed. It is asked of
// plugins that are declared among the options given to New.
type FlagPlugin interface {
	Flags(app *kingpin.Application)
}

// OptionPlugin is a [Plugin] that has options of its own: hooks, install notes,
// checks, lines of the dump ([OnDump]). Options is called when the command line is
// parsed and the values of the standard flags are known, also for -i and -s, so it
// must change nothing. The options count at the place where WithPlugins stands.
// An error is told together with all others, and the options that come with it
// count nevertheless.
type OptionPlugin interface {
	Options(d *Daemon) ([]Option, error)
}

// ValueSource is a [Plugin] that has values for the standard flags, such as a
// file. Values is called once, after the command line is parsed and before
// Options of the plugins and Configure, also for -i and -s, and also where there
// are no such flags; so it must change nothing. flags are the names of the
// standard flags that the daemon has, without hyphens: see [StandardFlags]. The
// values are by these names; one that is no flag's name is refused. Each of them
// counts where neither the command line nor the environment has one; of several
// plugins the first one counts. An error is told together with all others, and
// the values that come with it count nevertheless.
//
// It is asked of plugins that are declared among the options given to New.
type ValueSource interface {
	Values(d *Daemon, flags []string) (map[string]Value, error)
}

// Value is the value of a flag, as text.
type Value struct {
	// Text is what would stand on the command line. Several recipients are
	// separated by commas.
	Text string

	// Origin says for people where it came from, such as "poller.ini:12". Empty
	// means the plugin's name.
	Origin string

	of string // the flag's name, where Origin does not tell it
}
