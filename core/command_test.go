package core_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/stretchr/testify/assert"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/core/host"
	"github.com/evertick/evertick/daemontest"
	"github.com/evertick/evertick/forker/pidfile"
)

// -H, -i and --version print and touch nothing.
func TestPrintingFlagsTouchNothing(t *testing.T) {
	for args, text := range map[string]string{
		"-H":             "--pid-file=FILE",
		"--help":         "USAGE: poller",
		"--version":      "poller 1.4",
		"-i":             "To install poller:\n  1. Create /var/log, writable by the daemon's user\n",
		"--instructions": "The lock is /run/poller.lock. The daemon's user must be able to write to /run.",
	} {
		t.Run(args, func(t *testing.T) {
			play(t, equipped(core.Version("1.4"), core.InstallNote("Create /var/log, writable by the daemon's user")), daemontest.Scenario{
				Args:    args,
				Execute: daemontest.Instantly(),
				Want:    append(untouched(), daemontest.Exit(0), daemontest.Stdout(text)),
			})
		})
	}
}

// A bad command line is one clear line, and nothing was touched.
func TestABadCommandLineIsRefusedInOneLine(t *testing.T) {
	flags := core.Flags(func(app *kingpin.Application) {
		app.Flag("rows", "").Int()
		app.Flag("share", "").Float()
		app.Flag("wait", "").Duration()
	})
	for args, says := range map[string]string{
		"--nonsense":                   "unknown long flag '--nonsense'; see --help",
		"-x":                           "unknown short flag '-x'; see --help",
		"--rows -5":                    "is written --flag=-5s",
		"--rows many":                  `--rows "many": it is no number`,
		"--share much":                 `--share "much": it is no number`,
		"--wait long":                  `--wait "long": it is no duration: give a number with its unit`,
		"--pid-file= ":                 "-p: the path of the PID file is empty: name a file, or leave -p out",
		"-p":                           "see --help",
		"leftover":                     `unexpected argument "leftover"; see --help`,
		"restart":                      `unexpected argument "restart"; did you mean -s restart -p FILE? See --help`,
		"-s stop":                      "-s stop needs -p FILE, the PID file of the running daemon",
		"-s reload -p poller.pid":      "-s reload: give one of stop, restart, dump",
		"-s stop -d -p poller.pid":     "-s stop and -d contradict each other",
		"-i -d":                        "-i prints instructions and exits",
		"-i -s stop -p poller.pid":     "-i prints instructions and exits",
		"-s stop -p missing.pid":       "missing.pid: there is none: no daemon is running",
		"-s restart -p garbage.pid":    `it holds "who am I\n" instead of a process's number`,
		"-s dump -p empty.pid":         "it is empty; if no daemon is running, remove it",
		"-s stop -p foreign.pid":       "it names process 4711, but the daemon that wrote it is gone",
		"-s restart -p missing.pid":    "-s restart: ",
		"--signal stop --pid-file= ":   "-p: the path of the PID file is empty",
		"--signal=dump -p foreign.pid": "-s dump: ",
	} {
		t.Run(args, func(t *testing.T) {
			play(t, equipped(flags), daemontest.Scenario{
				Args:    args,
				Execute: daemontest.Instantly(),
				Files:   map[string]string{"garbage.pid": "who am I\n", "empty.pid": "", "foreign.pid": "4711\n"},
				Want:    append(untouched(), daemontest.Exit(1), daemontest.Stderr(says), complainsInOneLine()),
			})
		})
	}
}

// -s stop waits as long as the daemon may take, also where Configure says how long,
// and that is more than can be added up.
func TestSendStopWaitsAsLongAsConfigureSays(t *testing.T) {
	const stop = "-s stop -p poller.pid"
	for _, timeout := range []time.Duration{10 * time.Minute, 1 << 62} {
		t.Run(timeout.String(), func(t *testing.T) {
			configure := core.Configure(func(*core.Daemon) ([]core.Option, error) {
				return []core.Option{core.ShutdownTimeout(timeout)}, nil
			})
			play(t, equipped(configure), daemontest.Scenario{
				Args:    "-d -p poller.pid",
				Execute: daemontest.Instantly().Except(3, 9*time.Minute),
				Steps:   daemontest.Steps{at(2.5, daemontest.Command(stop))},
				Want:    daemontest.Want{daemontest.ExitOf(stop, 0), daemontest.Exit(0), endsAt(2 + 9*60), daemontest.NoFile(pidPath)},
			})
		})
	}
}

// Where Configure fails, what it would have declared is not missed.
func TestAFailedConfigureIsOneProblem(t *testing.T) {
	configure := core.Configure(func(*core.Daemon) ([]core.Option, error) { return nil, errors.New("--at x: no schedule") })
	play(t, bare(configure, core.Execute(idles), core.RememberTicks("ticks")), daemontest.Scenario{
		Want: append(untouched(), daemontest.Exit(1), daemontest.Stderr("poller: --at x: no schedule\n"), complainsInOneLine()),
	})
}

// A user's own flags are there for Configure.
func TestAUsersFlagsReachConfigure(t *testing.T) {
	declare := func(extra ...core.Option) *core.Daemon {
		var every time.Duration
		return bare(
			core.Flags(func(app *kingpin.Application) { app.Flag("every", "").Default("1s").DurationVar(&every) }),
			core.Configure(func(*core.Daemon) ([]core.Option, error) {
				return []core.Option{core.FromFlag("--every", core.Every(every))}, nil
			}),
		)(extra...)
	}
	play(t, declare, daemontest.Scenario{
		Args:    "--every 4s",
		Execute: daemontest.Instantly(),
		Steps:   daemontest.Steps{at(5, hup), stopAt(10)},
		Want:    daemontest.Want{startsAt(0, 4, 8), daemontest.Exit(0)},
	})
	play(t, declare, daemontest.Scenario{
		Args:    "--every=-4s",
		Execute: daemontest.Instantly(),
		Want: daemontest.Want{
			daemontest.Exit(1), daemontest.Stderr("poller: --every: interval -4s is negative"), complainsInOneLine(),
		},
	})
}

// -v writes the log to standard output, too. Without a log file that is where
// it goes anyway.
func TestVerboseAlsoWritesToStandardOutput(t *testing.T) {
	const line = "[2026-01-01 00:00:01] 100 Shutting Down: SIGTERM\n"
	for _, c := range []struct {
		args    string
		declare daemontest.NewFunc
		prints  bool
	}{
		{"", equipped(), false},
		{"-v", equipped(), true},
		{"", poller(), true},
		{"-v", poller(), true},
	} {
		play(t, c.declare, daemontest.Scenario{
			Args:    c.args,
			Execute: daemontest.Instantly(),
			Steps:   daemontest.Steps{stopAt(1.5)},
			Want: daemontest.Want{
				daemontest.Exit(0),
				daemontest.Check("the log on standard output or not", func(r *daemontest.Result) error {
					if out := r.World().Stdout(); (out != "") != c.prints {
						return fmt.Errorf("it is %q", out)
					}
					return nil
				}),
			},
		})
	}
	play(t, equipped(), daemontest.Scenario{
		Args:    "-v",
		Execute: daemontest.Instantly(),
		Steps:   daemontest.Steps{stopAt(1.5)},
		Want:    daemontest.Want{daemontest.Stdout(line), daemontest.FileContains(logPath, line)},
	})
}

// -s stop returns when the process is gone, however long its iteration takes.
func TestSendStopWaitsForTheEnd(t *testing.T) {
	const args = "-s stop -p poller.pid"
	play(t, equipped(core.Every(10*time.Second)), daemontest.Scenario{
		Args:    "-p poller.pid",
		Execute: daemontest.Takes(6 * time.Second),
		Steps: daemontest.Steps{
			at(2, daemontest.Command(args)),
			at(5.9, daemontest.Do("look", func(w *daemontest.World) {
				if w.Stdout() != "" {
					w.Fail("-s stop did not wait: %q", w.Stdout())
				}
			})),
		},
		Want: daemontest.Want{
			daemontest.Exit(0), endsAt(6), daemontest.ExitOf(args, 0), daemontest.Stdout("poller: PID 100 has stopped\n"),
			daemontest.NoFile(pidPath),
		},
	})
}

// -s stop completes an end for which the daemon had no time: PID file, log and lock.
// A daemon that has started meanwhile is left alone, and the next start tells of an
// end that nobody has completed.
func TestAnUncleanEndIsCompleted(t *testing.T) {
	const stop = "-s stop -p poller.pid"
	kill := daemontest.Signal(syscall.SIGKILL)
	for name, c := range map[string]struct {
		steps daemontest.Steps
		want  daemontest.Want
	}{
		"by -s stop": {
			daemontest.Steps{at(2, daemontest.Command(stop)), at(3, kill)},
			daemontest.Want{
				daemontest.ExitOf(stop, 0), daemontest.NoFile(pidPath),
				daemontest.Stdout("poller: PID 100 has stopped; it had no time to clean up, so its PID file has been removed\n"),
				daemontest.Logs("Shutdown Complete: it had no time to clean up. -s stop has removed its PID file /world/poller.pid"),
			},
		},
		"by the next start": {
			daemontest.Steps{at(3, kill), at(4, daemontest.Command("-v -p poller.pid")), at(6, daemontest.Command(stop))},
			daemontest.Want{
				daemontest.ExitOf("-v -p poller.pid", 0), daemontest.NoFile(pidPath),
				daemontest.Logs("Warning: PID 100, whose PID file was still there, ended without cleaning up"),
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, equipped(), daemontest.Scenario{
				Args: "-p poller.pid", Execute: daemontest.Takes(600*time.Millisecond).Except(3, 6*time.Second),
				Steps: c.steps, Want: append(c.want, daemontest.Killed()),
			})
		})
	}
}

// -s restart tells that the daemon has restarted, under the same PID.
func TestSendRestartTellsTheRestart(t *testing.T) {
	const args = "-s restart -p poller.pid"
	play(t, equipped(), daemontest.Scenario{
		Args:    "-p poller.pid",
		Execute: daemontest.Takes(300 * time.Millisecond),
		Steps:   daemontest.Steps{at(2.1, daemontest.Command(args)), stopAt(4.5)},
		Want: daemontest.Want{
			daemontest.Exit(0), daemontest.Restarts(1), startsAt(0, 1, 2, 3, 4), daemontest.ExitOf(args, 0),
			daemontest.Stdout("poller: PID 100 has restarted in place (restart 1)\n"),
		},
	})
}

// -s restart tells why a restart was refused.
func TestSendRestartTellsARefusal(t *testing.T) {
	const args = "-s restart -p poller.pid"
	play(t, equipped(), daemontest.Scenario{
		Args:    "-p poller.pid",
		Execute: daemontest.Instantly(),
		Steps: daemontest.Steps{
			at(1.5, daemontest.BreakBinary(errors.New("it has a typo"))), at(1.5, daemontest.Command(args)), stopAt(3.5),
		},
		Want: daemontest.Want{
			daemontest.Exit(0), daemontest.Restarts(0), daemontest.ExitOf(args, 1),
			daemontest.Stderr("Restart Refused"), daemontest.Stderr("it has a typo"),
		},
	})
}

// -s restart tells that exec failed although the trial went well.
func TestSendRestartTellsAFailedExec(t *testing.T) {
	const args = "-s restart -p poller.pid"
	play(t, equipped(), daemontest.Scenario{
		Args:    "-p poller.pid",
		Execute: daemontest.Instantly(),
		Steps:   daemontest.Steps{at(1.5, daemontest.LoseBinary()), at(1.5, daemontest.Command(args)), stopAt(3.5)},
		Want: daemontest.Want{
			daemontest.Exit(0), daemontest.Restarts(0), startsAt(0, 1, 2, 3), daemontest.ExitOf(args, 1),
			daemontest.Stderr("the restart failed"),
		},
	})
}

// -s restart tells when the next program could not start after all.
func TestSendRestartTellsWhenTheNextImageEnds(t *testing.T) {
	const args = "-s restart -p poller.pid"
	play(t, equipped(core.Setup(func(_ context.Context, d *core.Daemon) error {
		if d.Restarts() > 0 {
			return errors.New("no database any more")
		}
		return nil
	})), daemontest.Scenario{
		Args:    "-p poller.pid",
		Execute: daemontest.Instantly(),
		Steps:   daemontest.Steps{at(1.5, daemontest.Command(args))},
		Want: daemontest.Want{
			daemontest.Exit(1), daemontest.Restarts(1), daemontest.ExitOf(args, 1),
			daemontest.Stderr("-s restart: PID 100 was signalled; PID file: no reply at /world/poller.pid.reply: it ended without a reply; its log tells more"),
			daemontest.LockReleased(), daemontest.NoFile(pidPath),
		},
	})
}

// -s dump prints the dump, also of a daemon whose Execute hangs.
func TestSendDumpPrintsTheDump(t *testing.T) {
	const args = "-s dump -p poller.pid"
	play(t, equipped(), daemontest.Scenario{
		Args:    "-p poller.pid",
		Execute: daemontest.Instantly().HangsAt(2),
		Steps:   daemontest.Steps{at(7, daemontest.Command(args)), stopAt(8)},
		Want: daemontest.Want{
			daemontest.Exit(1), daemontest.ExitOf(args, 0), daemontest.Stdout("poller: Dump of poller, PID 100 on testhost\n"),
			daemontest.Stdout("State:             executing\n"), daemontest.Stdout("Iterations:        2\n"),
		},
	})
}

// A daemon that is stopped replies to nobody: -s gives up after its patience and
// says so.
func TestSendGivesUpOnAStoppedDaemon(t *testing.T) {
	for args, says := range map[string]string{
		"-s dump -p poller.pid": "-s dump: PID 100 was signalled; ",
		"-s stop -p poller.pid": "-s stop: PID 100 was asked to stop and is still running after 37s; ask again to force it",
	} {
		t.Run(args, func(t *testing.T) {
			play(t, equipped(), daemontest.Scenario{
				Args:    "-p poller.pid",
				Execute: daemontest.Instantly(),
				Steps:   daemontest.Steps{at(1.5, halt), at(2, daemontest.Command(args)), at(60, kill)},
				Want:    daemontest.Want{daemontest.Killed(), daemontest.ExitOf(args, 1), daemontest.Stderr(says)},
			})
		})
	}
}

// What prints, or speaks to a running daemon, needs no flag of the user's own;
// what starts a daemon does.
func TestARequiredFlagIsRequiredToStartOnly(t *testing.T) {
	var queue string
	flags := core.Flags(func(app *kingpin.Application) { app.Flag("queue", "").Required().StringVar(&queue) })
	for args, says := range map[string]string{
		"-H": "USAGE: poller", "--version": "poller 1.4", "-i": "To install poller:",
		"-s stop -p poller.pid": "has stopped", "-s restart -p poller.pid": "has restarted in place", "-s dump -p poller.pid": "Dump of poller",
	} {
		t.Run(args, func(t *testing.T) {
			play(t, equipped(flags, core.Version("1.4")), daemontest.Scenario{
				Args: "-d -p poller.pid --queue orders", Execute: daemontest.Instantly(),
				Steps: daemontest.Steps{at(1.5, daemontest.Command(args)), stopAt(4.5).Maybe()},
				Want:  daemontest.Want{daemontest.ExitOf(args, 0), daemontest.Stdout(says), daemontest.Exit(0)},
			})
		})
	}
	for _, args := range []string{"", "-d -p poller.pid", "-i nonsense", "-s nonsense -p poller.pid"} {
		t.Run(args, func(t *testing.T) {
			play(t, equipped(flags), daemontest.Scenario{
				Args: args, Execute: daemontest.Instantly(), Want: append(untouched(), daemontest.Exit(1)),
			})
		})
	}
}

// ended is a process that ends between its being found and its being signalled.
type ended struct{ pidfile.Files }

func (e ended) Find(string) (pidfile.Process, error) { return endedProcess{}, nil }

type endedProcess struct{ pidfile.Process }

func (endedProcess) PID() int                   { return 4711 }
func (endedProcess) Ignores(os.Signal) bool     { return false }
func (endedProcess) Signal(os.Signal) error     { return os.ErrProcessDone }
func (endedProcess) Wait(context.Context) error { return nil }

// Of two -s stop at once the second may find that the process has ended.
func TestADaemonThatEndsBeforeItIsSignalled(t *testing.T) {
	for verb, want := range map[string]struct {
		code int
		says string
	}{
		"stop":    {0, "poller: PID 4711 has stopped\n"},
		"restart": {1, "-s restart: PID 4711 was signalled; it had ended by then; its log tells more\n"},
		"dump":    {1, "-s dump: PID 4711 was signalled; it had ended by then; its log tells more\n"},
	} {
		t.Run(verb, func(t *testing.T) {
			var out strings.Builder
			h := host.Real()
			h.PIDFiles, h.Stdout, h.Stderr = ended{h.PIDFiles}, &out, &out
			code := core.New("poller", core.WithHost(h), core.Every(time.Hour), core.Execute(func(context.Context, *core.Daemon) error { return nil })).
				Run(t.Context(), "-s", verb, "-p", filepath.Join(t.TempDir(), "poller.pid"))
			assert.Equal(t, want.code, code)
			assert.Contains(t, out.String(), want.says)
		})
	}
}
