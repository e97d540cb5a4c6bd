package core_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/daemontest"
)

const helpOfPoller = `poller - asks for rates

USAGE: poller -H | -i | [-d] [-v] [-p FILE] --queue=QUEUE [FLAGS]
       poller -s stop|restart|dump -p FILE

SWITCHES:
  -H, --help           Print this page and exit.
      --version        Print the version and exit.
  -i, --instructions   Print what to install and set up, and exit.
  -d, --detach         Run detached from the terminal, as a daemon.
  -v, --verbose        Also write the log to standard output. Ignored with -d.
  -p, --pid-file=FILE  Write the process number to FILE.
  -s, --signal=VERB    With -p: stop, restart or dump the running daemon, and
                       say what happened.
      --init           As PID 1 of a container: start the daemon under a small
                       init of its own.
      --check          Check the environment and the configuration, touch
                       nothing, and exit.
      --test-alert     Send an alert to try the way, say what became of it, and
                       exit.

OPTIONS, also from the environment (POLLER_EVERY, …):
      --every=INTERVAL              Interval, such as 5s; 0 means no pause.
                                    (default 1s)
      --lock=URL                    Lock against a second instance: a path,
                                    file:PATH, null: for none, or a URL.
                                    (default file:/run/poller.lock)
      --log=FILE                    Log file; FOLDER/ for a file a day in it.
                                    (default /var/log/poller.log)
      --log-level=LEVEL             What is logged: all from debug, info, warn
                                    or error on. (default info)
      --alerts=URL                  How alert mail is sent, such as
                                    smtp://HOST:PORT. (default a writer)
      --to=ADDRESS …                Recipient of alert mail; may be repeated.
                                    (default ops@example.com)
      --restart-every=INTERVAL      Restart in place at this interval; 0 means
                                    never.
      --restart-above-memory=SIZE   Restart in place when memory stays above
                                    this, such as 200MB; 0 means never.
      --max-restarts=N/TIME         How many restarts after errors there may be
                                    in a time, such as 5/10m; none for no limit.
      --iteration-timeout=DURATION  How long an iteration may take; 0 means as
                                    long as it likes.
      --shutdown-timeout=DURATION   How long a stop waits for the iteration, and
                                    for teardown. (default 10s)

FLAGS OF POLLER:
      --queue=QUEUE  Which queue.
      --dry          Change nothing.
      --rows=ROWS    (default 12)

EXAMPLES:
  poller -v                        run in the foreground and show the log
  poller -d -p poller.pid          run as a daemon; returns when it is ready
  poller -s restart -p poller.pid  restart it in place
  poller -s stop -p poller.pid     stop it, and wait for its end

FILES:
  log   /var/log/poller.log
  lock  file:/run/poller.lock
`

// helpful is a daemon with all that its help page can have.
func helpful(options ...core.Option) daemontest.NewFunc {
	return standard(append([]core.Option{
		core.About("asks for rates"), core.Version("1.4"),
		core.Flags(func(app *kingpin.Application) {
			app.Flag("queue", "Which queue.").Required().String()
			app.Flag("dry", "Change nothing.").Bool()
			app.Flag("rows", "").Default("12").Int()
			app.Flag("secret", "").Hidden().Bool()
		}),
	}, options...)...)
}

func printsPage(text string) daemontest.Expectation {
	return daemontest.Check("this page on standard output", func(r *daemontest.Result) error {
		if got := r.World().Stdout(); got != text {
			return fmt.Errorf("it is\n%s", got)
		}
		return nil
	})
}

// The help page is the same for each of its flags, whatever else is given.
func TestTheHelpPage(t *testing.T) {
	for _, args := range []string{"-H", "-h", "--help", "-h --rows many", "-dvH"} {
		play(t, helpful(), daemontest.Scenario{
			Args: args, Execute: daemontest.Instantly(),
			Want: append(untouched(), daemontest.Exit(0), printsPage(helpOfPoller)),
		})
	}
	for line := range strings.Lines(helpOfPoller) {
		if len([]rune(line)) > 81 {
			t.Errorf("more than 80 columns: %q", line)
		}
	}
}

// Parts of the page, or all of it, can be replaced.
func TestTheHelpPageCanBeReplaced(t *testing.T) {
	play(t, helpful(core.Help(func(p *core.HelpPage) {
		p.Examples, p.Files = "", strings.ReplaceAll(p.Files, "log", "LOG")
	}), core.Help(func(p *core.HelpPage) { p.Files += "\nSee also: the wiki" })), daemontest.Scenario{
		Args: "-H", Execute: daemontest.Instantly(),
		Want: append(untouched(), daemontest.Exit(0), daemontest.Stdout("(default 12)\n\nFILES:\n  LOG   /var/LOG/poller.LOG\n"), daemontest.Stdout("\nSee also: the wiki\n")),
	})
	play(t, helpful(core.Help(func(p *core.HelpPage) { *p = core.HelpPage{Head: "Ask Joe."} })), daemontest.Scenario{
		Args: "--help", Execute: daemontest.Instantly(),
		Want: append(untouched(), daemontest.Exit(0), printsPage("Ask Joe.\n")),
	})
}

// A daemon with nothing declared has a page, too, and one that has a flag -h of
// its own keeps it.
func TestTheHelpPageOfAPlainDaemon(t *testing.T) {
	play(t, bare(core.Every(time.Second), core.Execute(idles)), daemontest.Scenario{
		Args: "-h",
		Want: append(untouched(), daemontest.Exit(0), daemontest.Stdout("poller\n\nUSAGE: poller -H | -i | [-d] [-v] [-p FILE]\n"),
			daemontest.Stdout("\n  log   standard output\n  lock  none: several instances can run at once\n")),
	})
	var on string
	play(t, poller(core.Flags(func(app *kingpin.Application) { app.Flag("host", "").Short('h').StringVar(&on) })), daemontest.Scenario{
		Args: "-h example.com", Execute: daemontest.Instantly(), Steps: daemontest.Steps{stopAt(0.5)},
		Want: daemontest.Want{daemontest.Exit(0)},
	})
}

// A mistyped flag gets what may have been meant.
func TestAMistypedFlagIsCorrected(t *testing.T) {
	for args, says := range map[string]string{
		"--evry 5s":      "poller: unknown long flag '--evry'; did you mean --every? See --help\n",
		"--verbos":       "poller: unknown long flag '--verbos'; did you mean --verbose? See --help\n",
		"--quue=x":       "poller: unknown long flag '--quue'; did you mean --queue? See --help\n",
		"--xyzzy":        "poller: unknown long flag '--xyzzy'; see --help\n",
		"--secre":        "poller: unknown long flag '--secre'; see --help\n",
		"--queue=x -z":   "poller: unknown short flag '-z'; see --help\n",
		"--queue=x stop": "poller: unexpected argument \"stop\"; did you mean -s stop -p FILE? See --help\n",
	} {
		t.Run(args, func(t *testing.T) {
			play(t, helpful(), daemontest.Scenario{
				Args: args, Execute: daemontest.Instantly(),
				Want: append(untouched(), daemontest.Exit(1), daemontest.Stderr(says), complainsInOneLine()),
			})
		})
	}
}

// A program that says itself what it lacks has failed its checks; the refusal
// tells them.
func TestFailedChecksOfTheNextProgramAreTold(t *testing.T) {
	lacking := false
	play(t, func(extra ...core.Option) *core.Daemon {
		return equipped(core.CheckEnvironment(func(_ context.Context, d *core.Daemon) error {
			if lacking {
				return errors.New("poller.json: line 3: no such key")
			}
			return nil
		}))(extra...)
	}, daemontest.Scenario{
		Args: "-p poller.pid", Execute: daemontest.Instantly(),
		Steps: daemontest.Steps{
			at(0.5, daemontest.Do("break it", func(*daemontest.World) { lacking = true })), at(1.5, hup),
			at(2.5, daemontest.Do("mend it", func(*daemontest.World) { lacking = false })), stopAt(3),
		},
		Want: daemontest.Want{
			daemontest.Logs("Restart Refused: the checks of the new program failed. The running one goes on.\n"),
			daemontest.Logs("poller.json: line 3: no such key"), daemontest.Restarts(0), daemontest.Mails(1), daemontest.Exit(0),
		},
	})
}
