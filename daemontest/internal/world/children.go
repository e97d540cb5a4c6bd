package world

import (
	"context"
	"fmt"
	"os"
	"syscall"

	"github.com/evertick/evertick/daemontest/internal/timeline"
	"github.com/evertick/evertick/forker"
)

// processes starts the children of a generation.
type processes struct {
	w *World
	g *Generation
}

var _ forker.Adopter = processes{}

// Start starts a child, which begins in a lane of its own.
func (p processes) Start(command forker.Command) (forker.Process, error) {
	if !p.g.awake() {
		return nil, p.g.freeze()
	}
	plan, number := p.w.planChild(command.Task)
	if err := p.refusal(command, plan); err != nil {
		return nil, err
	}
	c, err := p.w.newChild(p.g, command, plan, number)
	if err != nil {
		return nil, err
	}
	go c.pump(p.g)
	go c.live()
	return held{c, p.g}, nil
}

// pump hands on to a generation what the child says.
func (c *Child) pump(g *Generation) {
	if c.pipe.pump(g) {
		close(c.drained)
	}
}

// Adopt takes over the child that a handoff names.
func (p processes) Adopt(handoff string, command forker.Command) (forker.Pausable, error) {
	if !p.g.awake() {
		return nil, p.g.freeze()
	}
	for _, c := range p.w.Children() {
		if c.Daemon() == p.g.process && fmt.Sprint(c.pid) == handoff && c.isHandedOff() {
			c.adopt(p.g, command)
			return held{c, p.g}, nil
		}
	}
	return nil, fmt.Errorf("%q is no handoff of a child", handoff)
}

// adopt lets another program of the child's process have it, paused as it is.
func (c *Child) adopt(g *Generation, command forker.Command) {
	c.mu.Lock()
	c.g, c.to = g, command
	c.handingOff = false
	c.mu.Unlock()
	select {
	case c.handed <- g:
	case <-c.gone: // nobody waits for it any more
	}
	go c.pump(g)
}

// refusal returns why a child cannot be started.
func (p processes) refusal(command forker.Command, plan ChildPlan) error {
	if command.Dir != "" {
		if info, err := os.Stat(p.g.path(command.Dir)); err != nil || !info.IsDir() {
			if err == nil {
				err = syscall.ENOTDIR
			}
			return forker.StartError(executable, command.Dir, err)
		}
	}
	if plan.Refusal != nil {
		return forker.StartError(executable, "", plan.Refusal)
	}
	return nil
}

// planChild counts one more child of a task, and returns what it does.
func (w *World) planChild(task string) (plan ChildPlan, number int) {
	w.mu.Lock()
	if w.forks == nil {
		w.forks = map[string]int{}
	}
	w.forks[task]++
	number = w.forks[task]
	w.mu.Unlock()
	if w.config.Child != nil {
		plan = w.config.Child(w, task, number)
	}
	return plan, number
}

// newChild returns a child that does not run yet.
func (w *World) newChild(g *Generation, command forker.Command, plan ChildPlan, number int) (*Child, error) {
	pid, slot := w.newPID()
	block := w.time.childBlock(slot)
	sleepUntilLane := func() { block.sleepUntil(childCalled) }
	c := &Child{
		g: g, process: g.process, time: g.time, record: g.process.record.As(pid), pid: pid, number: number, plan: plan,
		block: block, pipe: newChildPipe(sleepUntilLane),
		input: newChildPipe(sleepUntilLane), calls: make(chan forker.Message, callsAhead),
		gone: make(chan struct{}), drained: make(chan struct{}), handed: make(chan *Generation, 1),
	}
	dir, err := g.files.link(fmt.Sprint(pid))
	if err != nil {
		return nil, fmt.Errorf("the scenario's temporary folder: %w", err)
	}
	c.link = linkOf(dir)
	command.Input = c.given(command.Input)
	c.command, c.to = command, command
	c.ctx, c.tell = context.WithCancelCause(context.Background())
	c.record.Add(timeline.Fork, ForkText(command.Task, number))
	w.mu.Lock()
	defer w.mu.Unlock()
	w.children = append(w.children, c)
	return c, nil
}

// ForkText is what the timeline says of the start of a task's n-th child.
func ForkText(task string, n int) string { return fmt.Sprintf("task %s, number %d", task, n) }

// newPID returns the next number of a process, and a slot of lanes for one that
// is a child.
func (w *World) newPID() (pid, slot int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.nextPID(), len(w.children)
}

// Children returns all children that were ever started, in order.
func (w *World) Children() []*Child {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]*Child(nil), w.children...)
}

// checkChildren fails the scenario for each child that a program leaves behind
// which ends by itself, or executes the next one.
func (w *World) checkChildren(p *Process, how string) {
	for _, c := range w.Children() {
		if c.Daemon() != p || c.generation().over.Load() || c.isHandedOff() {
			continue
		}
		switch _, _, reaped := c.Exit(); {
		case c.Alive():
			w.Fail("a child is left behind: %s, lives on when its daemon, PID %d, %s", c, p.pid, how)
		case !reaped:
			w.Fail("a child is left behind: %s, has ended and was not reaped when its daemon, PID %d, %s", c, p.pid, how)
		}
	}
}

// Leave starts a process in the process group of a child.
func (w *World) Leave(c *Child) {
	pid, _ := w.newPID()
	left := &grandchild{pid: pid, record: c.process.record.As(pid)}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return
	}
	left.record.Add(timeline.Fork, "a process of "+c.String())
	c.group = append(c.group, left)
}
