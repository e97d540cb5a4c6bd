package world

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/evertick/evertick/daemontest/internal/timeline"
	"github.com/evertick/evertick/forker"
)

// ChildPlan is what a child does. The zero value runs its task's own function.
type ChildPlan struct {
	// Refusal is why it cannot be started; nil where it can.
	Refusal error

	// IgnoresTerm says that SIGTERM does nothing to it.
	IgnoresTerm bool

	// Run is the child's life; nil is the task's own function. When it returns,
	// the task's function is run, unless the child has ended.
	Run func(c *Child)

	// Call is the outcome of a call to a worker; false runs the method. Nil runs
	// all of them.
	Call func(c *Child, method string) (outcome forker.Message, done bool)
}

// Child is a child of a daemon: a task that runs in the world, in goroutines of
// the bubble. Like a process it has a number, reacts to signals in lanes of its
// own, and dies with its daemon. It is safe for concurrent use.
type Child struct {
	process *Process // its daemon
	time    *worldTime
	record  *timeline.Source
	pid     int
	number  int            // among those of its task
	command forker.Command // but for its functions
	plan    ChildPlan
	block   childBlock
	link    string // below which it knows Dir
	label   string // of its goroutines
	pipe    *childPipe
	input   *childPipe // the way from its daemon to it
	calls   chan forker.Message

	ctx  context.Context
	tell context.CancelCauseFunc

	saidBegan atomic.Bool

	gone    chan struct{} // closed when it has ended
	drained chan struct{} // closed when the daemon has taken what it wrote

	handed chan *Generation // the next program that has adopted it

	mu         sync.Mutex     // held for instants only
	g          *Generation    // its daemon's present one
	to         forker.Command // the functions that what it says goes to
	unpaused   chan struct{}  // closed when it is resumed; nil where it is not paused
	handingOff bool           // an exec of its daemon leaves it alone
	reaping    bool
	began      bool
	resumed    chan struct{} // not nil while it is stopped
	signals    signalSet     // those that wait for its lane
	delivering bool
	signalled  bool // it was sent a signal
	over       bool
	exit       forker.Exit
	endedAt    time.Duration
	reaped     bool
	cutShort   error // of Send: nothing arrives after a message that was cut short
	group      []*grandchild
}

// errTerminated is the cause with which signal.NotifyContext ends a context.
var errTerminated = errors.New("terminated signal received")

// generation returns its daemon's program.
func (c *Child) generation() *Generation {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.g
}

// functions returns where what it says goes to.
func (c *Child) functions() forker.Command {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.to
}

// PID returns the child's number.
func (c *Child) PID() int { return c.pid }

// Task returns the name of its task.
func (c *Child) Task() string { return c.command.Task }

// Number returns its number among the children of its task, from 1.
func (c *Child) Number() int { return c.number }

// Daemon returns the process that it is a child of.
func (c *Child) Daemon() *Process { return c.process }

// String names the child.
func (c *Child) String() string {
	return fmt.Sprintf("child %d of the task %s, PID %d", c.number, c.command.Task, c.pid)
}

// Alive reports whether it has not ended.
func (c *Child) Alive() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.over
}

// Exit returns how and when it has ended, and whether it was reaped; all zero
// while it lives.
func (c *Child) Exit() (exit forker.Exit, at time.Duration, reaped bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.exit, c.endedAt, c.reaped
}

// Scripted reports whether it did what a scenario has it do, and Signalled
// whether anybody has sent it a signal.
func (c *Child) Scripted() bool { return c.plan.Run != nil || c.plan.Call != nil }

// Signalled is told by Scripted.
func (c *Child) Signalled() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.signalled
}

// awake waits as long as the child is stopped, and reports whether it lives. One
// that does not waits here until the scenario is judged.
func (c *Child) awake() bool {
	for {
		c.mu.Lock()
		over, resumed := c.over, c.resumed
		c.mu.Unlock()
		switch {
		case over:
			<-c.time.judged
			return false
		case resumed == nil:
			return true
		}
		select {
		case <-resumed:
		case <-c.gone:
		}
	}
}

// End ends the child: now, and with this status. What it still does has no
// effect.
func (c *Child) End(exit forker.Exit) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return
	}
	c.over, c.exit, c.endedAt = true, exit, c.time.now()
	c.record.Add(timeline.End, exit.String())
	_ = os.Remove(c.link)
	c.pipe.close()
	close(c.gone)
}

// Limited reports whether the child has a limit of memory.
func (c *Child) Limited() bool { return c.command.Memory > 0 }

// linkOf returns the link below which dir is Dir.
func linkOf(dir string) string { return filepath.Clean(dir[:len(dir)-len(Dir)]) }

// grandchild is a process that a child has left in its process group. It does
// nothing but live.
type grandchild struct {
	pid    int
	record *timeline.Source
	over   bool
}

// endGroup ends what the child has left in its group, unless the signal is one
// that does not end a program that is not prepared for it; the mutex is held.
func (c *Child) endGroup(sig syscall.Signal) {
	if sig != syscall.SIGKILL && kernelDefault(sig) != effectKill || stops.has(sig) {
		return
	}
	for _, left := range c.group {
		if !left.over {
			left.over = true
			left.record.Add(timeline.End, forker.Exit{Code: -1, Signal: sig}.String())
		}
	}
}

// LeftAlive reports whether a process that the child has left in its group lives.
func (c *Child) LeftAlive() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, left := range c.group {
		if !left.over {
			return true
		}
	}
	return false
}
