package core

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"text/template"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/forker/reexec"
	"github.com/evertick/evertick/internal/nearest"
	"github.com/evertick/evertick/mail"
)

// testAlertTimeout bounds the attempt of --test-alert.
const testAlertTimeout = 30 * time.Second

// parse reads the command line: the inherited flags and the user's own.
func (d *Daemon) parse(args []string) error {
	app := kingpin.New(d.name, "")
	app.Terminate(func(int) { d.cmd.done = true })
	app.UsageWriter(d.host.Stdout)
	app.ErrorWriter(d.host.Stderr)
	app.HelpFlag.Short('H').Help("Print this page and exit.")
	if d.set.version != "" {
		app.Version(d.name + " " + d.set.version)
		app.VersionFlag.Help("Print the version and exit.")
	}
	app.Flag("instructions", "Print what to install and set up, and exit.").Short('i').BoolVar(&d.cmd.instructions)
	app.Flag("detach", "Run detached from the terminal, as a daemon.").Short('d').BoolVar(&d.cmd.detach)
	app.Flag("verbose", "Also write the log to standard output. Ignored with -d.").Short('v').BoolVar(&d.cmd.verbose)
	app.Flag("pid-file", "Write the process number to FILE.").Short('p').PlaceHolder("FILE").IsSetByUser(&d.cmd.hasPIDFile).StringVar(&d.cmd.pidFile)
	app.Flag("signal", "With -p: stop, restart or dump the running daemon, and say what happened.").
		Short('s').PlaceHolder("VERB").StringVar(&d.cmd.send)
	app.Flag("init", "As PID 1 of a container: start the daemon under a small init of its own.").BoolVar(&d.cmd.init)
	app.Flag("check", "Check the environment and the configuration, touch nothing, and exit.").BoolVar(&d.cmd.check)
	app.Flag("test-alert", "Send an alert to try the way, say what became of it, and exit.").BoolVar(&d.cmd.testAlert)
	d.registerOptions(app)
	_, err := app.Parse(args)
	switch {
	case d.cmd.done: // what is missing is missed after that
		return nil
	case err != nil && !d.cmd.needsNone(err):
		return explained(app, args, err)
	}
	return d.cmd.contradictions()
}

// registerOptions adds the flags that are declared, and the page that tells of
// all.
func (d *Daemon) registerOptions(app *kingpin.Application) {
	flags := func() []*kingpin.FlagModel { return app.Model().Flags }
	switches := len(flags())
	d.registerStandard(app)
	options := len(flags())
	for _, p := range d.set.plugins {
		if p, ok := p.(FlagPlugin); ok {
			p.Flags(app)
		}
	}
	for _, register := range d.set.flags {
		register(app)
	}
	own := len(flags())
	page := func() string {
		all := flags()
		return d.helpPage(app, flagBlocks{all[:switches], all[switches:options], all[options:own]}).String()
	}
	app.UsageTemplate("{{HelpPage}}").UsageFuncs(template.FuncMap{"HelpPage": page})
	taken := func(f *kingpin.FlagModel) bool { return f.Short == 'h' || f.Name == "usage" }
	if !slices.ContainsFunc(flags(), taken) {
		app.Flag("usage", "").Short('h').Hidden().PreAction(func(*kingpin.ParseContext) error {
			fmt.Fprint(d.host.Stdout, page())
			d.cmd.done = true
			return nil
		}).Bool()
	}
}

// explained returns what is wrong with a command line, in a line.
func explained(app *kingpin.Application, args []string, err error) error {
	if word, surplus := strings.CutPrefix(err.Error(), "unexpected "); surplus {
		if slices.Contains(verbs, word) {
			return fmt.Errorf("unexpected argument %q; did you mean -s %s -p FILE? See --help", word, word)
		}
		return fmt.Errorf("unexpected argument %q; see --help", word)
	}
	mistyped, unknown := strings.CutPrefix(err.Error(), "unknown long flag '--")
	if !unknown {
		return fmt.Errorf("%w; see --help", namedFlag(app, args, err))
	}
	var names []string
	for _, f := range app.Model().Flags {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	}
	if meant := nearest.Of(strings.TrimSuffix(mistyped, "'"), names); meant != "" {
		return fmt.Errorf("%w; did you mean --%s? See --help", err, meant)
	}
	return fmt.Errorf("%w; see --help", err)
}

// namedFlag adds to an error of kingpin, where that does not tell, which flag
// had the value that could not be used.
func namedFlag(app *kingpin.Application, args []string, err error) error {
	if text := err.Error(); strings.HasPrefix(text, "expected argument for flag '--") {
		return fmt.Errorf("%w (a value that begins with a hyphen is written --flag=-5s)", err)
	}
	parsed, _ := app.ParseContext(args)
	if parsed == nil {
		return err
	}
	for _, e := range parsed.Elements {
		flag, ok := e.Clause.(*kingpin.FlagClause)
		if !ok || e.Value == nil {
			continue
		}
		if bad := flag.Model().Value.Set(*e.Value); bad != nil {
			return fmt.Errorf("--%s %q: %w", flag.Model().Name, *e.Value, plainly(bad))
		}
	}
	return err
}

// plainly says what is wrong with a flag's value without the names of Go's packages.
func plainly(bad error) error {
	var number *strconv.NumError
	switch text := bad.Error(); {
	case errors.As(bad, &number) && errors.Is(bad, strconv.ErrRange):
		return errors.New("it is too large or too small")
	case errors.As(bad, &number) && number.Func == "ParseFloat":
		return errors.New("it is no number")
	case errors.As(bad, &number) && number.Func == "ParseBool":
		return errors.New("it is neither true nor false")
	case errors.As(bad, &number):
		return errors.New("it is no whole number")
	case strings.HasPrefix(text, "time: "):
		return errors.New("it is no duration: give a number with its unit, such as 500ms, 5s or 1h30m")
	}
	return bad
}

// runInit stays as the init of a container, with the daemon as its child.
func (d *Daemon) runInit(args []string) int {
	code, err := d.host.Init(args)
	if err != nil {
		return d.refuse(err.Error())
	}
	return code
}

// launch starts the daemon detached and tells how that went.
func (d *Daemon) launch(ctx context.Context, args []string) int {
	r, err := d.host.Starter.Launch(ctx, d.program(args))
	switch {
	case err != nil:
		fmt.Fprintf(d.host.Stderr, "%s: %v\n", d.name, err)
		return 1
	case r.Running:
		fmt.Fprintf(d.host.Stdout, "%s: running as PID %d\n", d.name, r.PID)
		if r.Message != "" {
			fmt.Fprintln(d.host.Stdout, r.Message)
		}
		return 0
	case r.Code == 0:
		fmt.Fprintln(d.host.Stdout, r.Message)
		return 0
	default:
		fmt.Fprintln(d.host.Stderr, r.Message)
		return r.Code
	}
}

// checkAndTell checks the environment for a person, and touches nothing.
func (d *Daemon) checkAndTell(ctx context.Context) int {
	if err := d.checkEnvironment(ctx); err != nil {
		return d.refuse(problems(err))
	}
	if err := d.alerts.Check(); err != nil { // which keeps nobody from starting
		fmt.Fprintf(d.host.Stdout, "%s: it would start. Warning: %v. Alert mail would wait in memory\n", d.name, err)
		return 0
	}
	fmt.Fprintf(d.host.Stdout, "%s: the checks found nothing wrong\n", d.name)
	return 0
}

// sendTestAlert sends one alert by each declared road, waits for what becomes of it,
// and says so. It takes no lock, and neither the log nor the spool is touched.
func (d *Daemon) sendTestAlert(ctx context.Context) int {
	err := errors.Join(d.refused, d.set.contradictions())
	if d.set.alerts != nil {
		err = errors.Join(err, d.set.alerts.Check())
	}
	switch {
	case err != nil:
		return d.refuse(problems(err))
	case d.set.alerts == nil:
		return d.refuse("--test-alert: no alerts are declared: say where they go " + d.set.place("alerts"))
	}
	to := strings.Join(d.set.recipients, ", ")
	ctx, cancel := clockwork.WithTimeout(ctx, d.host.Clock, testAlertTimeout)
	defer cancel()
	m := mail.Message{
		To: d.set.recipients, Subject: d.name + " Alert: a test", Time: d.host.Clock.Wall(),
		Body: fmt.Sprintf("This is a test of the alerts of %s, as --test-alert sends it. Nothing is wrong.\n\nHost: %s\nPID: %d\nVersion: %s\n",
			d.name, d.host.Name, d.PID(), d.version()),
	}
	roads := mail.Roads(d.set.alerts)
	errs := make([]error, len(roads))
	var all sync.WaitGroup
	for i, road := range roads { // together, since one that hangs takes all the time
		all.Go(func() { errs[i] = recovered(func() error { return road.Send(ctx, m) }) })
	}
	all.Wait()
	var failed []string
	for i, road := range roads {
		if errs[i] != nil {
			failed = append(failed, fmt.Sprintf("the test alert to %s through %s was not delivered: %v", to, road, errs[i]))
			continue
		}
		fmt.Fprintf(d.host.Stdout, "%s: the test alert to %s was delivered to %s\n", d.name, to, road)
	}
	if len(failed) > 0 {
		return d.refuse(strings.Join(failed, "\n"+d.name+": "))
	}
	return 0
}

// checkOnly is what the child does that tries a new binary: it checks the
// environment, touches nothing, and says what it found.
func (d *Daemon) checkOnly(ctx context.Context) int {
	if err := d.checkEnvironment(ctx); err != nil {
		return d.refuse(problems(err))
	}
	d.reportStart(reexec.Report{Running: true})
	return 0
}

// program returns the program that was started, under its path at that time:
// it is what runs detached, and what follows at a restart.
func (d *Daemon) program(args []string) reexec.Program {
	p := d.host.Process
	return reexec.Program{Path: p.Executable, Args: args, Dir: p.Origin.Dir}
}
