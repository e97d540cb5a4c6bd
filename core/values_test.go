package core_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/daemontest"
	"github.com/evertick/evertick/lock"
	"github.com/evertick/evertick/logfile"
	"github.com/evertick/evertick/mail"
)

// standard is the poller with flags for its options.
func standard(options ...core.Option) daemontest.NewFunc {
	return equipped(append([]core.Option{core.StandardFlags()}, options...)...)
}

// file is a plugin that has values, as one that reads a file has.
type file struct {
	recorder
	values map[string]core.Value
	err    error
}

func (f *file) Values(*core.Daemon, []string) (map[string]core.Value, error) { return f.values, f.err }

// A value comes from the command line, else the environment, else a plugin, else
// the declared option; and the dump says which.
func TestWhereAValueComesFrom(t *testing.T) {
	ini := core.WithPlugins(&file{recorder: recorder{name: "ini"}, values: map[string]core.Value{
		"every": {Text: "4s", Origin: "poller.ini:12"}, "restart-every": {Text: "1h"},
	}})
	env := map[string]string{"POLLER_EVERY": "3s"}
	for _, c := range []struct {
		args    string
		env     map[string]string
		options []core.Option
		starts  []float64
		from    string
	}{
		{"--every 2s", env, []core.Option{ini}, []float64{0, 2, 4, 6, 8}, "2s (--every)"},
		{"", env, []core.Option{ini}, []float64{0, 3, 6}, "3s (POLLER_EVERY)"},
		{"", map[string]string{"POLLER_EVERY": ""}, []core.Option{ini}, []float64{0, 4, 8}, "4s (poller.ini:12)"},
		{"", nil, nil, []float64{0, 1, 2, 3, 4, 5, 6, 7, 8}, "1s (declared)"},
	} {
		t.Run(c.from, func(t *testing.T) {
			play(t, standard(c.options...), daemontest.Scenario{
				Args: c.args, Env: c.env,
				Execute: daemontest.Instantly(),
				Steps:   daemontest.Steps{at(8.1, usr1), stopAt(8.5)},
				Want:    daemontest.Want{startsAt(c.starts...), daemontest.Logs("\nInterval:          " + c.from + "\n"), daemontest.Exit(0)},
			})
		})
	}
	play(t, bare(core.StandardFlags(), core.FixedDelay(time.Second), core.Execute(idles)), daemontest.Scenario{
		Args:    "--every 2s",
		Execute: daemontest.Takes(time.Second),
		Steps:   daemontest.Steps{at(6.5, usr1), stopAt(7)},
		Want:    daemontest.Want{startsAt(0, 3, 6), daemontest.Logs("2s after the end of each iteration (--every)"), daemontest.Exit(0)},
	})
}

func idles(context.Context, *core.Daemon) error { return nil }

// A value counts over what is declared anywhere, and over a later option, and
// after a restart as before.
func TestAValueCountsAfterARestart(t *testing.T) {
	play(t, standard(core.Configure(func(*core.Daemon) ([]core.Option, error) {
		return []core.Option{core.Every(7 * time.Second)}, nil
	})), daemontest.Scenario{
		Args: "-d -p poller.pid", Env: map[string]string{"POLLER_EVERY": "2s"},
		Execute: daemontest.Instantly(),
		Steps:   daemontest.Steps{at(3, hup), stopAt(7)},
		Want:    daemontest.Want{startsAt(0, 2, 4, 6), daemontest.Restarts(1), daemontest.Exit(0)},
	})
}

// Each flag sets its option.
func TestTheStandardFlags(t *testing.T) {
	play(t, standard(), daemontest.Scenario{
		Args:    "-v --lock null: --log other.log --alerts stdout: --to a@example.com --to b@example.com --iteration-timeout 500ms --restart-every 1h",
		Execute: daemontest.Instantly().HangsAt(3),
		Steps:   daemontest.Steps{at(1.5, usr1)},
		Want: daemontest.Want{
			daemontest.FileContains("other.log", "has run for longer than its time-out of 500ms"), daemontest.NoLock(), daemontest.Exit(1),
			daemontest.FileContains("other.log", "The restart interval of 1h0m0s does not act"),
			daemontest.Logs("a@example.com, b@example.com (--to) through a writer (--alerts)"), daemontest.Logs("held by this process, token 0 (--lock)"), daemontest.Logs("other.log (--log)"),
			daemontest.NoFile(logPath), daemontest.Mails(1),
		},
	})
	play(t, standard(), daemontest.Scenario{
		Args:  "--log days/ --alerts= --to=",
		Files: map[string]string{"days/": ""}, Execute: daemontest.Instantly(),
		Steps: daemontest.Steps{stopAt(1.5)},
		Want:  daemontest.Want{daemontest.FileContains("days/2026-01-01.log", "Shutdown Complete"), daemontest.Exit(0)},
	})
	play(t, standard(), daemontest.Scenario{
		Env:     map[string]string{"POLLER_TO": "a@example.com, b@example.com", "POLLER_LOG": "env.log"},
		Execute: daemontest.Instantly().FailsAt(2, errBoom),
		Want: daemontest.Want{
			daemontest.Exit(1), daemontest.Mails(1), daemontest.FileContains("env.log", "boom"),
			daemontest.Check("two recipients", func(r *daemontest.Result) error {
				if to := r.World().Mails()[0].To; len(to) != 2 || to[1] != "b@example.com" {
					return fmt.Errorf("it went to %q", to)
				}
				return nil
			}),
		},
	})
}

// The flags of what follows errors, memory and a stop do what their options do.
func TestTheFlagsOfRestartAndStop(t *testing.T) {
	play(t, standard(), daemontest.Scenario{
		Args: "-d --max-restarts 1/2h --shutdown-timeout 3s --restart-above-memory 200MB", Execute: daemontest.Instantly().FailsAt(16, errBoom).FailsAt(17, errBoom),
		Steps: daemontest.Steps{at(1.5, usr1)},
		Want: daemontest.Want{
			daemontest.Exit(1), daemontest.Restarts(1), daemontest.Logs("there were 1 restarts after errors within 2h0m0s already"),
			daemontest.Logs("\nMemory limit:      200MB (--restart-above-memory)\n"), daemontest.Logs("shutdown 3s (--shutdown-timeout)\n"),
			daemontest.Logs("restart, at most 1 in 2h0m0s (--max-restarts); pauses of"),
		},
	})
	play(t, standard(core.MaxRestarts(0, time.Hour), core.RestartAboveMemory(100<<20), core.ShutdownTimeout(time.Minute)), daemontest.Scenario{
		Args: "-d --max-restarts none", Env: map[string]string{"POLLER_SHUTDOWN_TIMEOUT": "3s", "POLLER_RESTART_ABOVE_MEMORY": "0"},
		Execute: daemontest.Instantly().FailsAt(16, errBoom).HangsAt(20),
		Steps:   daemontest.Steps{at(1.5, daemontest.Memory(300<<20)), stopAt(30.5)},
		Want:    daemontest.Want{daemontest.Restarts(1), daemontest.Exit(1), daemontest.EndsAt(34500 * time.Millisecond), daemontest.NoLog("resident memory")},
	})
	play(t, standard(), daemontest.Scenario{
		Args: "-d", Env: map[string]string{"POLLER_RESTART_ABOVE_MEMORY": "64MB"}, Execute: daemontest.Instantly(),
		Steps: daemontest.Steps{
			at(2.5, daemontest.Memory(100<<20)), daemontest.AfterLog("Restarting: resident memory", 0, daemontest.Memory(8<<20)),
			stopAt(20.5),
		},
		Want: daemontest.Want{daemontest.Restarts(1), daemontest.Exit(0), daemontest.Logs("resident memory 100 MB above 64 MB")},
	})
}

// Named flags are there, and no others.
func TestStandardFlagsCanBeNamed(t *testing.T) {
	declare := equipped(core.StandardFlags("every", "log"))
	play(t, declare, daemontest.Scenario{
		Args: "--every 2s", Execute: daemontest.Instantly(), Steps: daemontest.Steps{stopAt(3)},
		Want: daemontest.Want{startsAt(0, 2), daemontest.Exit(0)},
	})
	play(t, declare, daemontest.Scenario{
		Args: "--lock null:", Env: map[string]string{"POLLER_LOCK": "null:"}, Execute: daemontest.Instantly(),
		Want: append(untouched(), daemontest.Exit(1), daemontest.Stderr("unknown long flag '--lock'"), complainsInOneLine()),
	})
	play(t, equipped(core.StandardFlags("every", "evry")), daemontest.Scenario{
		Execute: daemontest.Instantly(),
		Want:    append(untouched(), daemontest.Exit(1), daemontest.Stderr(`core.StandardFlags: there is no flag "evry": name some of every, lock, log, `), complainsInOneLine()),
	})
}

// What is wrong with a value is told with its place, and together with all else
// that is wrong.
func TestABadValueIsToldWithItsPlace(t *testing.T) {
	from := func(name, text string) core.Option {
		return core.WithPlugins(&file{recorder: recorder{name: "ini"}, values: map[string]core.Value{name: {Text: text, Origin: "poller.ini:12"}}})
	}
	for _, c := range []struct {
		args    string
		env     map[string]string
		options []core.Option
		says    string
	}{
		{args: "--every abc", says: `poller: --every: "abc" is no duration: give a number with its unit, such as 500ms, 5s or 1h30m`},
		{args: "--every=-5s", options: []core.Option{core.FirstTick(core.AfterInterval)}, says: "poller: --every: interval -5s is negative"},
		{args: "--every=0", options: []core.Option{core.FirstTick(core.AfterInterval)}, says: "poller: an interval of 0 has no first tick to wait for"},
		{env: map[string]string{"POLLER_EVERY": "5"}, says: `poller: POLLER_EVERY: "5" is no duration`},
		{options: []core.Option{from("every", "1ns")}, says: "poller: poller.ini:12: every: interval 1ns is below"},
		{options: []core.Option{from("evry", "1s")}, says: "poller: poller.ini:12: evry is no flag of this daemon: known ones are every, lock, log, "},
		{options: []core.Option{core.WithPlugins(&file{recorder: recorder{name: "ini"}, err: errors.New("poller.ini: no such file")})}, says: "poller: plugin ini: poller.ini: no such file"},
		{args: "--lock redis://x", says: "poller: --lock: lock: unknown scheme redis"},
		{args: "--alerts pigeon://x", says: "poller: --alerts: mail: the address of the mail server must begin with one of "},
		{args: "--to a@example.com", options: []core.Option{core.WithAlerts(nil)}, says: "poller: --to: names a recipient, but nothing says how alerts are sent: give --alerts, too"},
		{args: "--to=", says: "poller: alerts have no recipient: name at least one with --to"},
		{args: "--to=nobody", says: `poller: alert recipient "nobody" is no mail address: write name@host`},
		{args: "--restart-every 9s", says: "poller: --restart-every: restart interval 9s is below the minimum of 10s"},
		{args: "--iteration-timeout=-1s", says: "poller: --iteration-timeout: iteration time-out -1s is negative"},
	} {
		t.Run(c.says, func(t *testing.T) {
			play(t, standard(c.options...), daemontest.Scenario{
				Args: c.args, Env: c.env, Execute: daemontest.Instantly(),
				Want: append(untouched(), daemontest.Exit(1), daemontest.Stderr(c.says), complainsInOneLine()),
			})
		})
	}
}

// settled is a plugin that has flags and options of its own.
type settled struct {
	recorder
	greeting string
	err      error
}

func (s *settled) Flags(app *kingpin.Application) {
	app.Flag("greeting", "What to say.").Default("hello").StringVar(&s.greeting)
}

func (s *settled) Options(d *core.Daemon) ([]core.Option, error) {
	return []core.Option{
		core.On(core.HookInit, func(_ context.Context, d *core.Daemon, _ core.HookInfo) { d.Logf("%s from the plugin", s.greeting) }),
		core.InstallNote("Learn to say " + s.greeting),
		core.Every(2 * time.Second),
	}, s.err
}

// A plugin has flags, and options that count where it stands.
func TestAPluginHasFlagsAndOptions(t *testing.T) {
	declare := func(options ...core.Option) daemontest.NewFunc {
		return func(extra ...core.Option) *core.Daemon {
			return equipped(append([]core.Option{core.WithPlugins(&settled{recorder: recorder{name: "polite"}})}, options...)...)(extra...)
		}
	}
	play(t, declare(), daemontest.Scenario{
		Args: "--greeting hi", Execute: daemontest.Instantly(), Steps: daemontest.Steps{stopAt(3)},
		Want: daemontest.Want{daemontest.Logs("hi from the plugin"), startsAt(0, 2), daemontest.Exit(0)},
	})
	play(t, declare(core.Every(3*time.Second)), daemontest.Scenario{
		Execute: daemontest.Instantly(), Steps: daemontest.Steps{stopAt(4)},
		Want: daemontest.Want{startsAt(0, 3), daemontest.Exit(0)},
	})
	play(t, declare(), daemontest.Scenario{
		Args: "-i", Execute: daemontest.Instantly(),
		Want: append(untouched(), daemontest.Exit(0), daemontest.Stdout("Learn to say hello")),
	})
	play(t, equipped(core.WithPlugins(&settled{recorder: recorder{name: "polite"}, err: errors.New("no manners")})), daemontest.Scenario{
		Execute: daemontest.Instantly(),
		Want:    append(untouched(), daemontest.Exit(1), daemontest.Stderr("poller: plugin polite: no manners"), complainsInOneLine()),
	})
}

// A name that no variable may have is made one.
func TestVariablesOfADaemonWithAHyphen(t *testing.T) {
	play(t, func(extra ...core.Option) *core.Daemon {
		return core.New("site-check.2", append([]core.Option{
			core.Every(time.Second), core.RestartEvery(time.Hour), core.StandardFlags(), core.Execute(idles),
			core.WithLock(lock.Null()), core.WithLog(logfile.Fixed("x.log")), core.WithAlerts(mail.Writer(os.Stdout), "a@example.com"),
		}, extra...)...)
	}, daemontest.Scenario{
		Env:     map[string]string{"SITE_CHECK_2_RESTART_EVERY": "2h"},
		Execute: daemontest.Instantly(), Steps: daemontest.Steps{stopAt(3)},
		Want: daemontest.Want{daemontest.Logs("The restart interval of 2h0m0s"), daemontest.Exit(0)},
	})
}
