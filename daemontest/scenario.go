package daemontest

import (
	"context"
	"strings"
	"time"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/core/host"
	"github.com/evertick/evertick/daemontest/internal/world"
)

// Scenario is the life of a daemon, as a test declares it.
type Scenario struct {
	// Args is the command line, split at spaces.
	Args string

	// Execute says how Execute behaves. The zero value is the daemon's own.
	Execute Script

	// Children are what the children of a task do, by its name. Those of a task
	// that is not named run its own function. A task of which no child is forked is
	// a miss. A pool of workers is named as a task is: see ChildScript.InCall.
	Children map[string]ChildScript

	// Steps are what happens to the daemon, and to its world.
	Steps Steps

	// Want is what must be true in the end. All that is not is reported
	// together.
	Want Want

	// Files are there when the scenario starts: contents by path. A relative
	// path is in Dir; a path that ends with a slash is a folder.
	Files map[string]string

	// Deny makes paths unusable for log, PID and lock files, with the given error. A
	// path that no daemon asks for is a miss.
	Deny map[string]error

	// Held are the URLs of locks that a process of another machine holds when
	// the scenario starts: see FreeLock. A relative path in one is from Dir. A
	// lock that no daemon uses is a miss.
	Held []string

	// Network is the network that the daemon's clients are given by the test.
	// Nil means none.
	Network *Network

	// Env are the variables of the daemons' environment, by name. Code of the
	// daemon's own that calls os.Getenv does not see them.
	Env map[string]string

	// Options are added after all the others.
	Options []core.Option

	// Supervised lets the daemon find a supervisor, such as systemd.
	Supervised bool

	// Watchdog is within which time the supervisor wants to be told WATCHDOG=1;
	// zero means that it does not.
	Watchdog time.Duration

	// Slog makes what slog.Default and package log are told log lines of the
	// scenario. No other test may change them meanwhile.
	Slog bool

	// Start is the wall-clock time at which the scenario starts. The zero
	// value means the start of the year 2026, UTC.
	Start time.Time

	// Limit ends a scenario that does not end by itself, after this much of
	// the world's time. Zero means an hour after the last timed step.
	Limit time.Duration

	// Seed chooses the order of what happens at one instant. Zero means the
	// flag -daemontest.seed, whose default is 1.
	Seed uint64

	// Orders plays the scenario this many times, each with a seed, and so an
	// order, of its own. Zero means once. When all of them lead to one and the
	// same timeline, that is logged: nothing could be in another order.
	Orders int
}

// limit returns how much of the world's time the scenario may take.
func (s *Scenario) limit() time.Duration {
	if s.Limit > 0 {
		return s.Limit
	}
	var last time.Duration
	for _, step := range s.Steps {
		last = max(last, step.at)
	}
	return last + time.Hour
}

// config returns the scenario as a world has it.
func (s *Scenario) config(declare NewFunc, seed uint64, met *met) world.Config {
	c := world.Config{
		Declare:            declare,
		Extend:             func(g *world.Generation, hooks *host.Hooks) []core.Option { return s.extend(g, hooks, met) },
		Args:               strings.Fields(s.Args),
		Steps:              func(w *world.World) []world.Step { return s.Steps.on(&World{sim: w, met: met}) },
		OwnExecute:         s.Execute.ownExecute(),
		Child:              func(w *world.World, task string, n int) world.ChildPlan { return s.child(w, met, task, n) },
		Supervised:         s.Supervised,
		SupervisorWatchdog: s.Watchdog,
		Env:                s.Env,
		WallStart:          s.Start,
		Limit:              s.limit(),
		Watchdog:           *watchdogFlag,
		Seed:               seed,
	}
	c.Actors = 2 // with -d, the launcher and the daemon
	for _, step := range s.Steps {
		c.Actors++
		for _, a := range step.actions {
			if a.spawns {
				c.Actors += 2 // with -d it starts another one
			}
		}
	}
	if s.Start.IsZero() {
		c.WallStart = defaultWallStart()
	}
	return c
}

// child returns what the n-th child of a task does.
func (s *Scenario) child(w *world.World, met *met, task string, n int) world.ChildPlan {
	script, rule := s.Children[task].at(n)
	met.child(task, rule)
	return script.plan(w, met)
}

// prepare makes the world what the scenario says it is at its start.
func (s *Scenario) prepare(w *world.World) {
	for name, content := range s.Files {
		if err := w.Machine.Files.Write(name, content); err != nil {
			w.Fail("Scenario.Files: %v", err)
		}
	}
	for name, err := range s.Deny {
		w.Machine.Files.Deny(name, err)
	}
	for _, url := range s.Held {
		if err := w.Locks.Steal(lockName(url), otherHolder()); err != nil {
			w.Fail("Scenario.Held: %v", err)
		}
	}
	s.Network.begin(w)
}

// extend returns what the scenario adds to the declaration of a generation.
func (s *Scenario) extend(g *world.Generation, hooks *host.Hooks, met *met) []core.Option {
	switch script := s.Execute; {
	case script.base.kind != actDeclared:
		own := core.Execute(func(context.Context, *core.Daemon) error { return nil }) // where the daemon declares none
		hooks.Execute = func(host.Execute) host.Execute { return script.play(g, met, nil) }
		return append([]core.Option{own}, s.Options...)
	case len(script.rules) > 0:
		hooks.Execute = func(declared host.Execute) host.Execute { return script.play(g, met, declared) }
	}
	return s.Options
}
