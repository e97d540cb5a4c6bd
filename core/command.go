package core

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/forker"
)

// commandLine is what the inherited flags say.
type commandLine struct {
	done         bool // help or version was printed
	instructions bool // -i
	detach       bool // -d
	verbose      bool // -v
	pidFile      string
	send         string // -s
}

// parse reads the command line: the inherited flags and the user's own.
func (d *Daemon) parse(args []string) error {
	app := kingpin.New(d.name, "")
	app.Terminate(func(int) { d.cmd.done = true })
	app.UsageWriter(d.host.Stdout)
	app.ErrorWriter(d.host.Stderr)
	app.HelpFlag.Short('H')
	if d.set.version != "" {
		app.Version(d.name + " " + d.set.version)
	}
	app.Flag("instructions", "Print what to install and set up, and exit.").Short('i').BoolVar(&d.cmd.instructions)
	app.Flag("detach", "Run detached from the terminal, as a daemon.").Short('d').BoolVar(&d.cmd.detach)
	app.Flag("verbose", "Also write the log to standard output. Ignored with -d.").Short('v').BoolVar(&d.cmd.verbose)
	app.Flag("pid-file", "Write the process number to FILE.").Short('p').PlaceHolder("FILE").StringVar(&d.cmd.pidFile)
	app.Flag("signal", "With -p: stop, restart or dump the running daemon, and say what happened.").
		Short('s').PlaceHolder("stop|restart|dump").StringVar(&d.cmd.send)
	for _, register := range d.set.flags {
		register(app)
	}
	if _, err := app.Parse(args); err != nil {
		return fmt.Errorf("%w; see --help", namedFlag(app, args, err))
	}
	if d.cmd.done {
		return nil
	}
	return d.cmd.check()
}

// check refuses inherited flags that contradict each other.
func (c *commandLine) check() error {
	if c.send != "" {
		switch {
		case c.send != "stop" && c.send != "restart" && c.send != "dump":
			return fmt.Errorf("-s %s: give one of stop, restart, dump", c.send)
		case c.pidFile == "":
			return fmt.Errorf("-s %s needs -p FILE, the PID file of the running daemon", c.send)
		case c.detach:
			return fmt.Errorf("-s %s and -d contradict each other: the one speaks to a running daemon, the other starts one", c.send)
		}
	}
	if c.instructions && (c.detach || c.send != "") {
		return errors.New("-i prints instructions and exits: it cannot be combined with -d or -s")
	}
	return nil
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
			return fmt.Errorf("--%s %q: %w", flag.Model().Name, *e.Value, bad)
		}
	}
	return err
}

// instruct prints the install instructions.
func (d *Daemon) instruct() int {
	d.fold()
	w := d.host.Stdout
	fmt.Fprintf(w, "To install %s:\n", d.name)
	for i, line := range d.instructions() {
		fmt.Fprintf(w, "%3d. %s\n", i+1, line)
	}
	if d.declare != nil {
		return d.refuse(d.declare.Error())
	}
	return 0
}

func (d *Daemon) instructions() []string {
	lines := append([]string(nil), d.set.install...)
	if path := d.logPath(); path != "" {
		lines = append(lines, "The log goes to "+path+": its folder must be there and writable by the daemon's user.")
	}
	if d.set.lock != nil {
		lines = append(lines, "The lock "+d.set.lock.String()+" must be usable by the daemon's user.")
	}
	if d.set.alerts != nil {
		lines = append(lines, "Alerts go to "+strings.Join(d.set.recipients, ", ")+" through "+d.set.alerts.String()+".")
	}
	return append(lines,
		"Run it in the foreground under a supervisor, or detached: "+d.name+" -d -p FILE",
		"Stop it: "+d.name+" -s stop -p FILE")
}

// launch starts the daemon detached and tells how that went.
func (d *Daemon) launch(ctx context.Context, args []string) int {
	r, err := d.host.Processes.Launch(ctx, forker.Image{
		Path: d.host.Processes.Executable(),
		Args: args,
		Dir:  d.birth.Dir,
	})
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

// tryOut is what the child does that tries a new binary: it checks the
// environment, touches nothing, and says what it found.
func (d *Daemon) tryOut(ctx context.Context) int {
	if err := d.checkAll(ctx); err != nil {
		return d.refuse(problems(err))
	}
	d.reportStart(forker.Report{Running: true})
	return 0
}

// sendSignal is -s: it speaks to the running daemon.
func (d *Daemon) sendSignal(ctx context.Context) int {
	path := d.Path(d.cmd.pidFile)
	p, err := d.host.Processes.Find(path)
	if err != nil {
		return d.refuse(fmt.Sprintf("-s %s: %v", d.cmd.send, err))
	}
	sig := map[string]syscall.Signal{
		"stop": syscall.SIGTERM, "restart": syscall.SIGHUP, "dump": syscall.SIGUSR1,
	}[d.cmd.send]
	ctx, cancel := clockwork.WithTimeout(ctx, d.host.Clock, d.patience())
	defer cancel()
	if d.cmd.send == "stop" {
		return d.sendStop(ctx, p)
	}
	answer, err := d.ask(ctx, p, path, sig)
	if err != nil {
		return d.refuse(fmt.Sprintf("-s %s: PID %d was signalled; %v; its log tells more", d.cmd.send, p.PID(), err))
	}
	verdict, text, _ := strings.Cut(answer, " ")
	if verdict != answerOK {
		return d.refuse(text)
	}
	fmt.Fprintf(d.host.Stdout, "%s: %s\n", d.name, text)
	return 0
}

// ask signals p and waits for its answer. One that is for another verb, which
// somebody else has asked for at the same time, is passed over.
func (d *Daemon) ask(ctx context.Context, p forker.Process, path string, sig syscall.Signal) (string, error) {
	waiting, err := d.host.Answers.Listen(path)
	if err != nil {
		return "", errors.Join(p.Signal(sig), fmt.Errorf("what came of it cannot be told: %w", err))
	}
	defer func() {
		if err := waiting.Close(); err != nil {
			fmt.Fprintf(d.host.Stderr, "%s: %v\n", d.name, err)
		}
	}()
	if err := p.Signal(sig); err != nil {
		return "", err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		if p.Wait(ctx) == nil {
			cancel(errors.New("it ended without an answer"))
		}
	}()
	for {
		answer, err := waiting.Wait(ctx)
		verb, rest, _ := strings.Cut(answer, " ")
		if err != nil || verb == d.cmd.send {
			return rest, err
		}
	}
}

func (d *Daemon) sendStop(ctx context.Context, p forker.Process) int {
	if err := p.Signal(syscall.SIGTERM); err != nil {
		return d.refuse(fmt.Sprintf("-s stop: signal PID %d: %v", p.PID(), err))
	}
	if err := p.Wait(ctx); err != nil {
		return d.refuse(fmt.Sprintf("-s stop: PID %d was asked to stop and is still running after %s; ask again to force it", p.PID(), d.patience()))
	}
	fmt.Fprintf(d.host.Stdout, "%s: PID %d has stopped\n", d.name, p.PID())
	return 0
}

// The first word of an answer to -s.
const (
	answerOK      = "ok"
	answerRefused = "refused"
)

// patience is how long -s waits: for a trial, an iteration and a teardown that
// all take as long as they may.
func (d *Daemon) patience() time.Duration {
	return trialLimit + 2*(d.set.shutdownLimit+limitGrace)
}
