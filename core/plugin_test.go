package core_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/daemontest"
)

// recorder is a plugin that logs what is asked of it, and does as it was told.
type recorder struct {
	name                   string
	check, setup, teardown error
	panics                 string // Check, Setup or Teardown
}

func (p *recorder) Name() string { return p.name }

func (p *recorder) Check(context.Context, *core.Daemon) error { return p.check }

func (p *recorder) Setup(_ context.Context, d *core.Daemon) error { return p.do(d, "Setup", p.setup) }

func (p *recorder) Teardown(_ context.Context, d *core.Daemon) error {
	return p.do(d, "Teardown", p.teardown)
}

func (p *recorder) do(d *core.Daemon, what string, err error) error {
	d.Logf("doing %s of %s", what, p.name)
	if p.panics == what {
		panic(what + " went wrong")
	}
	return err
}

// does is a function of the daemon's own that logs what it is.
func does(what string) core.Func {
	return func(_ context.Context, d *core.Daemon) error {
		d.Logf("doing %s", what)
		return nil
	}
}

// done wants exactly these things to have been done, in this order.
func done(things ...string) daemontest.Expectation {
	return daemontest.Check("things done in order", func(r *daemontest.Result) error {
		var got []string
		log, _ := r.World().File(logPath)
		for line := range strings.Lines(log) {
			if _, what, ok := strings.Cut(strings.TrimSpace(line), " doing "); ok {
				got = append(got, what)
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(things) {
			return fmt.Errorf("want %q, got %q", things, got)
		}
		return nil
	})
}

// Plugins are set up in order before the daemon's own Setup, and torn down in
// reverse.
func TestPluginsAreTornDownInReverse(t *testing.T) {
	play(t, equipped(
		core.Setup(does("Setup 1")), core.Teardown(does("Teardown 1")),
		core.WithPlugins(&recorder{name: "a"}, &recorder{name: "b"}),
		core.Setup(does("Setup 2")), core.Teardown(does("Teardown 2")),
	), daemontest.Scenario{
		Execute: daemontest.Instantly(),
		Steps:   daemontest.Steps{stopAt(1.5)},
		Want: daemontest.Want{daemontest.Exit(0), done(
			"Setup of a", "Setup of b", "Setup 1", "Setup 2",
			"Teardown 2", "Teardown 1", "Teardown of b", "Teardown of a",
		)},
	})
}

// Teardown runs over exactly what was set up: not over the plugin whose Setup
// failed, nor over those after it.
func TestTeardownRunsOverExactlyWhatWasSetUp(t *testing.T) {
	own := []core.Option{core.Setup(does("Setup")), core.Teardown(does("Teardown"))}
	for _, c := range []struct {
		name    string
		options []core.Option
		says    string
		done    []string
	}{
		{
			"first plugin fails",
			append(own, core.WithPlugins(&recorder{name: "a", setup: errors.New("broken")}, &recorder{name: "b"})),
			"plugin a: setup: broken",
			[]string{"Setup of a"},
		},
		{
			"second plugin panics",
			append(own, core.WithPlugins(&recorder{name: "a"}, &recorder{name: "b", panics: "Setup"})),
			"plugin b: setup: panic: Setup went wrong",
			[]string{"Setup of a", "Setup of b", "Teardown of a"},
		},
		{
			"the daemon's own fails",
			append(own, core.WithPlugins(&recorder{name: "a"}), core.Setup(func(context.Context, *core.Daemon) error { return errors.New("broken") })),
			"setup: broken",
			[]string{"Setup of a", "Setup", "Teardown", "Teardown of a"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			play(t, equipped(c.options...), daemontest.Scenario{
				Execute: daemontest.Instantly(),
				Want: daemontest.Want{
					daemontest.Exit(1), daemontest.Iterations(0), daemontest.Logs(c.says), done(c.done...), daemontest.LockReleased(),
				},
			})
		})
	}
}

// A stop, a forced one and a restart that come while a plugin is being set up tear
// down those before it.
func TestAStopDuringSetupTearsDownWhatWasSetUp(t *testing.T) {
	for _, c := range []struct {
		name  string
		setup func(ctx context.Context, d *core.Daemon) error
		steps daemontest.Steps
		want  daemontest.Want
	}{
		{
			"stopped",
			func(ctx context.Context, _ *core.Daemon) error { <-ctx.Done(); return ctx.Err() },
			daemontest.Steps{stopAt(1)},
			daemontest.Want{endsAt(1), done("Setup of a", "Teardown of a")},
		},
		{
			"stopped, and does not look",
			func(context.Context, *core.Daemon) error { time.Sleep(3 * time.Second); return nil },
			daemontest.Steps{stopAt(1)},
			daemontest.Want{endsAt(3), done("Setup of a", "Teardown of slow", "Teardown of a")},
		},
		{
			"forced",
			daemontest.Hangs,
			daemontest.Steps{stopAt(1), stopAt(2)},
			daemontest.Want{daemontest.Exit(1), done("Setup of a")},
		},
		{
			"ends its goroutine",
			func(context.Context, *core.Daemon) error { runtime.Goexit(); return nil }, nil,
			daemontest.Want{daemontest.Exit(1), done("Setup of a", "Teardown of a")},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			play(t, equipped(core.WithPlugins(&recorder{name: "a"}, slowPlugin{c.setup}, &recorder{name: "z"})), daemontest.Scenario{
				Execute: daemontest.Instantly(), Steps: c.steps,
				Want: append(c.want, daemontest.Iterations(0), daemontest.NeverReady(), daemontest.LockReleased()),
			})
		})
	}
}

// slowPlugin is a plugin with that Setup.
type slowPlugin struct {
	setup func(ctx context.Context, d *core.Daemon) error
}

func (slowPlugin) Name() string { return "slow" }

func (slowPlugin) Check(context.Context, *core.Daemon) error { return nil }

func (p slowPlugin) Setup(ctx context.Context, d *core.Daemon) error { return p.setup(ctx, d) }

func (slowPlugin) Teardown(_ context.Context, d *core.Daemon) error {
	d.Logf("doing Teardown of slow")
	return nil
}

// A teardown that fails or panics does not keep the others from running.
func TestAFailedTeardownHarmsNoOther(t *testing.T) {
	play(t, equipped(
		core.WithPlugins(&recorder{name: "a"}, &recorder{name: "b", teardown: errors.New("broken")}, &recorder{name: "c", panics: "Teardown"}),
	), daemontest.Scenario{
		Execute: daemontest.Instantly(),
		Steps:   daemontest.Steps{stopAt(1.5)},
		Want: daemontest.Want{
			daemontest.Exit(0), daemontest.LockReleased(),
			done("Setup of a", "Setup of b", "Setup of c", "Teardown of c", "Teardown of b", "Teardown of a"),
			daemontest.Logs("Error: plugin b: teardown: broken"), daemontest.Logs("Error: plugin c: teardown: panic: Teardown went wrong"),
		},
	})
}

// A plugin whose check fails keeps the daemon from starting; so does one whose
// check panics.
func TestAPluginsCheckKeepsFromStarting(t *testing.T) {
	play(t, equipped(core.WithPlugins(&recorder{name: "a", check: errors.Join(errors.New("no key"), errors.New("no host"))})), daemontest.Scenario{
		Execute: daemontest.Instantly(),
		Want: append(untouched(), daemontest.Exit(1),
			daemontest.Stderr("2 problems:\n  plugin a: no key\n  no host\n")),
	})
}

// Each program of a restarted daemon tears down and sets up again.
func TestEachImageSetsUpAnew(t *testing.T) {
	play(t, equipped(core.WithPlugins(&recorder{name: "a"}), core.Setup(does("Setup"))), daemontest.Scenario{
		Execute: daemontest.Instantly(),
		Steps:   daemontest.Steps{at(1.5, hup), stopAt(3.5)},
		Want: daemontest.Want{
			daemontest.Exit(0), daemontest.Restarts(1),
			done("Setup of a", "Setup", "Teardown of a", "Setup of a", "Setup", "Teardown of a"),
		},
	})
}

// A teardown that hangs is told after the shutdown time-out and left behind a
// second later; the exit status says so.
func TestAHungTeardownIsLeftBehind(t *testing.T) {
	play(t, equipped(core.Teardown(daemontest.Hangs)), daemontest.Scenario{
		Args:    "-p poller.pid",
		Execute: daemontest.Instantly(),
		Steps:   daemontest.Steps{stopAt(1.5), at(3, usr1)},
		Want: daemontest.Want{
			endsAt(12.5), daemontest.Exit(1), daemontest.LockReleased(), daemontest.NoFile(pidPath),
			daemontest.Logs("Forced: teardown not finished within 10s"), daemontest.Logs("Dump of poller"),
			daemontest.LastLog("Exit status: 1"),
		},
	})
}

// A teardown that hangs does not keep a daemon from restarting.
func TestAHungTeardownDoesNotKeepFromRestarting(t *testing.T) {
	play(t, equipped(core.Every(10*time.Second), core.Teardown(func(ctx context.Context, d *core.Daemon) error {
		if d.Restarts() == 0 {
			return daemontest.Hangs(ctx, d)
		}
		return nil
	})), daemontest.Scenario{
		Execute: daemontest.Instantly(),
		Steps:   daemontest.Steps{at(1, hup), stopAt(25)},
		Want: daemontest.Want{
			startsAt(0, 12.02, 20), daemontest.Restarts(1), daemontest.Exit(0), daemontest.LockReleased(),
			daemontest.Logs("Error: teardown does not return: it is left behind"),
		},
	})
}
