package world

import (
	"context"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/evertick/evertick/daemontest/internal/timeline"
	"github.com/evertick/evertick/forker/pidfile"
	"github.com/evertick/evertick/forker/reexec"
)

// executable is the path of every process's program.
const executable = "/usr/sbin/daemon"

// trialTakes is how long a trial of the next program takes.
const trialTakes = 20 * time.Millisecond

// starter starts processes for a generation.
type starter struct {
	g       *Generation
	program *Program
	spawn   func(args []string, origin reexec.Origin) *Process
}

// Launch starts a detached process and waits for its report.
func (s starter) Launch(ctx context.Context, program reexec.Program) (reexec.Report, error) {
	if !s.g.alive() {
		return reexec.Report{}, errGone
	}
	child := s.spawn(program.Args, reexec.Origin{Kind: reexec.Detached, State: program.State})
	s.g.process.mu.Lock()
	s.g.process.launched = child
	s.g.process.mu.Unlock()
	select {
	case r := <-child.reports:
		s.g.arrive()
		return r, nil
	case <-child.ended:
	case <-ctx.Done():
		return reexec.Report{}, context.Cause(ctx)
	case <-s.g.gone:
		return reexec.Report{}, s.g.freeze()
	}
	s.g.arrive()
	select {
	case r := <-child.reports: // and then it ended
		return r, nil
	default:
		return reexec.Report{}, fmt.Errorf("PID %d ended without a report: %s", child.pid, child.How())
	}
}

// Try plays the trial of the program as the scenario has it at this moment.
func (s starter) Try(ctx context.Context, program reexec.Program) error {
	s.program.tried() // also by a trial that is killed at once
	if err := s.g.wait(ctx, laneArrival, trialTakes); err != nil {
		return fmt.Errorf("try %s: %w", program.Path, err)
	}
	hung := func() error {
		s.g.arrive()
		return fmt.Errorf("try %s: it hung: %w", program.Path, context.Cause(ctx))
	}
	switch state := s.program.tried(); {
	case state.broken != nil:
		return state.broken
	case state.hangs:
		select {
		case <-ctx.Done():
			return hung()
		case <-s.g.gone:
			return s.g.freeze()
		}
	}
	child := s.spawn(program.Args, reexec.Origin{Kind: reexec.Trial})
	select {
	case <-child.ended:
	case <-ctx.Done():
		child.die(syscall.SIGKILL)
		return hung()
	case <-s.g.gone:
		child.die(syscall.SIGKILL)
		return s.g.freeze()
	}
	s.g.arrive()
	select {
	case r := <-child.reports:
		if r.Running {
			return nil
		}
		return fmt.Errorf("try %s: %w: %s", program.Path, reexec.ErrRefused, r.Message)
	default:
		return fmt.Errorf("try %s: it ended without a report: %s", program.Path, child.How())
	}
}

// Version tells the program that a scenario has put in the place of another.
func (s starter) Version(string) string { return s.program.version() }

// self is what a generation does with its own process.
type self struct {
	g       *Generation
	program *Program
	atExec  func()
	watcher func() (*Watcher, error) // starts one
}

// Report tells the process that waits in Launch or Try.
func (s self) Report(r reexec.Report) error {
	p := s.g.process
	p.mu.Lock()
	defer p.mu.Unlock()
	awaited := p.kind == reexec.Detached || p.kind == reexec.Trial
	if awaited && !p.reported && !p.over {
		p.reported = true
		r.PID = p.pid
		p.reports <- r
	}
	return nil
}

// Settle does nothing: the working directory is the test's.
func (s self) Settle() error { return nil }

// Exec arranges for the next generation, and does not return unless it fails.
func (s self) Exec(program reexec.Program) error {
	if !s.g.alive() {
		return s.g.freeze()
	}
	if program.Version != "" && program.Version != s.program.version() {
		s.g.locked.discard()
		return fmt.Errorf("exec %s: %w", program.Path, reexec.ErrChanged)
	}
	if !s.program.executable() {
		s.g.locked.discard()
		return fmt.Errorf("exec %s: %w", program.Path, syscall.ENOENT)
	}
	p := s.g.process
	p.mu.Lock()
	p.next = &reexec.Origin{Kind: reexec.Restarted, State: program.State}
	p.mu.Unlock()
	p.signals.exec()
	p.record.Add(timeline.Exec, "")
	s.atExec()
	s.g.end()
	_ = s.g.freeze()
	return nil // there is nobody left to tell
}

// watcherStarts is how long it takes until a watcher is there.
const watcherStarts = 3 * time.Millisecond

// Watch starts a watcher, or finds the one that the program before has started.
func (s self) Watch(program reexec.Program, _ string) (reexec.Watching, error) {
	if err := s.g.wait(context.Background(), laneArrival, watcherStarts); err != nil {
		return nil, err
	}
	w, err := s.g.process.watch(program.State, s.watcher)
	if err != nil {
		return nil, err
	}
	return watching{w, s.g}, nil
}

// Unwatch kills the watcher.
func (s self) Unwatch() {
	if s.g.awake() {
		s.g.process.unwatch()
	}
}

// watching is a watcher as its process knows it.
type watching struct {
	*Watcher
	g *Generation
}

var _ reexec.Watching = watching{}

// Tell is part of reexec.Watching, as are the methods that follow.
func (w watching) Tell(state []byte) error {
	w.change(func(w *Watcher) { w.state = state })
	return nil
}

// Suspend and Resume reach one that is stopped as soon as it goes on, so the end of the
// process comes after them.
func (w watching) Suspend() { w.change(func(w *Watcher) { w.suspended = true }) }

// Resume takes Suspend back.
func (w watching) Resume() { w.change(func(w *Watcher) { w.suspended = false }) }

func (w watching) change(change func(*Watcher)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.g.alive() {
		change(w.Watcher)
	}
}

// Wait learns of the end in the lane of the process.
func (w watching) Wait() {
	select {
	case <-w.ended:
		w.g.arrive()
	case <-w.g.gone:
	}
	if !w.g.awake() {
		_ = w.g.freeze()
	}
}

// watcherHandle is a watcher as another process sees it.
type watcherHandle struct{ watching }

var _ pidfile.Handle = watcherHandle{}

func (h watcherHandle) Signal(sig os.Signal) error { return h.Watcher.Signal(sig.(syscall.Signal)) }
func (h watcherHandle) Ignores(os.Signal) bool     { return false }

func (h watcherHandle) Wait(ctx context.Context) error {
	select {
	case <-h.ended:
		h.g.arrive()
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-h.g.gone:
		return h.g.freeze()
	}
}

func (h watcherHandle) HasOpen(*os.File) (open, known bool) { return false, true }
func (h watcherHandle) User() (id uint32, known bool)       { return uint32(os.Geteuid()), true }
func (h watcherHandle) Close()                              {}
