package daemontest

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/evertick/evertick/forker"
)

var (
	_ forker.Processes = (*image)(nil)
	_ forker.Signals   = (*image)(nil)
	_ forker.Answers   = memAnswers{}
)

// errGone is what the calls of a process return that is no more. Nobody sees
// it.
var errGone = errors.New("the process is no more")

// PID is part of forker.Processes, as are the methods that follow.
func (i *image) PID() int { return i.pid }

// Executable is the same for every process of a world.
func (i *image) Executable() string { return "/usr/sbin/daemon" }

// Birth says how the image came to be.
func (i *image) Birth() forker.Birth {
	b := i.birth
	b.Dir = Dir
	return b
}

// Launch starts a detached process and waits for its report.
func (i *image) Launch(ctx context.Context, img forker.Image) (forker.Report, error) {
	w := i.world
	if !i.alive() {
		return forker.Report{}, errGone
	}
	child := w.spawn(img.Args, forker.Birth{Kind: forker.Detached, State: img.State})
	i.process.mu.Lock()
	i.launched = child
	i.process.mu.Unlock()
	select {
	case r := <-child.told:
		w.cross(i.block, laneArrival)
		return r, nil
	case <-child.ended:
	case <-ctx.Done():
		return forker.Report{}, context.Cause(ctx)
	case <-i.gone:
		return forker.Report{}, errGone
	}
	w.cross(i.block, laneArrival)
	select {
	case r := <-child.told: // and then it ended
		return r, nil
	default:
		return forker.Report{}, fmt.Errorf("forker: PID %d ended without a report: %s", child.pid, child.how())
	}
}

// trialTakes is how long a trial of the next binary takes.
const trialTakes = 20 * time.Millisecond

// Try plays the trial of the binary as the scenario has it at this moment.
func (i *image) Try(ctx context.Context, img forker.Image) error {
	w := i.world
	if err := i.wait(ctx, laneArrival, trialTakes); err != nil {
		return fmt.Errorf("forker: try %s: %w", img.Path, err)
	}
	switch b := w.program(); {
	case b.err != nil:
		return b.err
	case b.hangs:
		select {
		case <-ctx.Done():
		case <-i.gone:
			return errGone
		}
		w.cross(i.block, laneArrival)
		return fmt.Errorf("forker: try %s: it hung: %w", img.Path, context.Cause(ctx))
	}
	child := w.spawn(img.Args, forker.Birth{Kind: forker.Trial})
	select {
	case <-child.ended:
	case <-ctx.Done():
		child.die(syscall.SIGKILL)
		w.cross(i.block, laneArrival)
		return fmt.Errorf("forker: try %s: it hung: %w", img.Path, context.Cause(ctx))
	case <-i.gone:
		child.die(syscall.SIGKILL)
		return errGone
	}
	w.cross(i.block, laneArrival)
	select {
	case r := <-child.told:
		if r.Running {
			return nil
		}
		return errors.New(r.Message)
	default:
		return fmt.Errorf("forker: try %s: it ended without a report: %s", img.Path, child.how())
	}
}

// Report tells whoever waits in Launch or Try.
func (i *image) Report(r forker.Report) error {
	p := i.process
	p.mu.Lock()
	defer p.mu.Unlock()
	if (i.birth.Kind == forker.Detached || i.birth.Kind == forker.Trial) && !p.reported && !p.over {
		p.reported = true
		r.PID = p.pid
		p.told <- r
	}
	return nil
}

// Settle does nothing: a world has no working directory.
func (i *image) Settle() error { return nil }

// Exec arranges for the next image, which live builds.
func (i *image) Exec(img forker.Image) error {
	w := i.world
	if !i.alive() {
		return nil
	}
	if w.program().gone {
		return fmt.Errorf("forker: exec %s: %w", img.Path, syscall.ENOENT)
	}
	p := i.process
	p.mu.Lock()
	p.next = newImage(p, forker.Birth{Kind: forker.Restarted, State: img.State})
	p.signals.deliver, p.signals.listens = nil, nil
	p.mu.Unlock()
	i.end()
	w.trace.add(entry{kind: entryExec, p: p})
	return nil
}

// Resident is what the scenario says it is.
func (i *image) Resident() (now, peak uint64) {
	i.world.mu.Lock()
	defer i.world.mu.Unlock()
	return i.world.resident, i.world.resident
}

// binary is the program file as the next trial or exec finds it.
type binary struct {
	err   error // what a trial says
	gone  bool  // exec fails, too
	hangs bool
}

func (w *World) program() binary {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.binary
}
