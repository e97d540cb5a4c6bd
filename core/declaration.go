package core

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/core/host"
	"github.com/evertick/evertick/forker"
	"github.com/evertick/evertick/lock"
	"github.com/evertick/evertick/logfile"
	"github.com/evertick/evertick/mail"
)

// Option declares one thing about a daemon. Where two options declare the
// same thing, the later one counts. An option does nothing until the daemon
// runs; one that refuses its value makes the daemon exit 1 before anything is
// touched, with its error among all the others.
type Option func(*declaration) error

// Func is a user's function in the life of a daemon.
type Func func(ctx context.Context, d *Daemon) error

// stage is a Setup or a Teardown; one of the two is nil.
type stage struct{ setup, teardown Func }

// dumpPart is a part of the dump that is the user's.
type dumpPart struct {
	title string
	text  func(d *Daemon) string
}

// declaration is what the options add up to. It is not written after they are
// folded.
type declaration struct {
	host  *host.Host
	clock clockwork.Clock

	pacing clockwork.Pacing
	every  bool // Every was declared

	calendar      clockwork.Calendar // nil: the grid, or FixedDelay
	firstTick     bool               // FirstTick was declared
	tickFile      string             // of RememberTicks
	pacingRefused bool               // its error says what is wrong with it
	unfinished    bool               // Configure has failed, so options may be missing

	warmUps  []Func
	stages   []stage // in their order
	execute  Func
	checks   []Func
	plugins  []Plugin
	handlers map[Hook][]Handler
	onSignal map[os.Signal]Func

	idleEvery time.Duration // 0: only where there is time left

	dumpParts []dumpPart

	flags   []func(*kingpin.Application)
	about   string
	help    []func(*HelpPage)
	version string
	install []string

	lock     lock.Locker
	lockPath string // of a lock file
	standby  bool

	logName    logfile.Name
	logHandler logfile.Handler // in the place of a file
	logLevel   logfile.Level
	logJSON    bool

	logCleaner logfile.Cleaner

	alerts     mail.Sender
	recipients []string
	spool      string                            // empty: the default
	newQueue   func(mail.QueueConfig) alertQueue // nil without alerts

	childOptions []forker.Option
	maxChildren  int // 0: forker's default

	restartEvery       time.Duration
	restartAboveMemory uint64
	backoff            time.Duration // of the first restart after an error
	maxBackoff         time.Duration
	maxRestarts        int
	restartWindow      time.Duration

	maxFailures      int // in a row; the last of them is fatal
	crashOnPanic     bool
	iterationTimeout time.Duration
	shutdownTimeout  time.Duration
	cancelOnStop     bool
	supervised       bool
	unwatched        bool

	standard      []*standardFlag   // of StandardFlags
	origins       map[string]string // of their values, by name
	alertsRefused bool              // the error of --alerts says what is wrong

	expand *Daemon // what Configure is called with; nil before the command line is parsed
}

// The defaults that the options' comments name.
const (
	defaultBackoff         = 2 * time.Second
	defaultMaxBackoff      = time.Minute
	defaultShutdownTimeout = 10 * time.Second

	minRestartEvery = 10 * time.Second
	minInterval     = 100 * time.Microsecond
	maxInterval     = 366 * 24 * time.Hour
)

func defaults() declaration {
	return declaration{
		handlers:        map[Hook][]Handler{},
		onSignal:        map[os.Signal]Func{},
		backoff:         defaultBackoff,
		maxBackoff:      defaultMaxBackoff,
		maxRestarts:     noMaxRestarts,
		restartWindow:   quietAfter,
		shutdownTimeout: defaultShutdownTimeout,
		maxFailures:     1,
	}
}

// pacingText returns the interval as people read it.
func (s *declaration) pacingText() string {
	if s.calendar != nil {
		return "by the schedule " + calendarName(s.calendar)
	}
	return s.pacing.String()
}

// apply folds options into s and goes on after an error, so that all of them
// can be told together.
func (s *declaration) apply(options []Option) error {
	var errs []error
	for _, o := range options {
		if o == nil {
			continue
		}
		if err := o(s); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// applyPlugin adds the options that a plugin has.
func (s *declaration) applyPlugin(p Plugin) error {
	declares, ok := p.(OptionPlugin)
	if !ok {
		return nil
	}
	var options []Option
	err := recovered(func() (err error) {
		options, err = declares.Options(s.expand)
		return err
	})
	if err != nil {
		err = fmt.Errorf("plugin %s: %w", p.Name(), err)
	}
	return errors.Join(err, s.apply(options))
}

// standardFlag is a flag that stands for an option.
type standardFlag struct {
	name, help, placeholder string

	declared func(s *declaration, wall time.Time) string // what the option says, as text; empty: nothing
	set      func(s *declaration, text string) error
	repeats  bool // several texts are one, with commas between them

	given *flagText // on the command line
}

// flagText is what the command line says of a standard flag.
type flagText struct {
	texts   []string
	repeats bool
}

var _ kingpin.Value = (*flagText)(nil)

// Set implements kingpin.Value. What the text is worth is judged later, with all
// else that may be wrong.
func (t *flagText) Set(text string) error {
	t.texts = append(t.texts, text)
	return nil
}

// String implements kingpin.Value.
func (t *flagText) String() string { return strings.Join(t.texts, ",") }

// IsCumulative tells kingpin whether the flag may be repeated.
func (t *flagText) IsCumulative() bool { return t.repeats }
