package world

import (
	"os"
	"syscall"

	"github.com/evertick/evertick/forker"
)

// Signal is forker.Process's: the daemon sends a signal.
func (h held) Signal(sig syscall.Signal) error {
	if !h.g.awake() {
		return h.g.freeze()
	}
	return h.Kill(sig)
}

// Kill does what kill(2) does to the child's process group. A signal arrives in
// the child's own lane. One that was reaped is an os.ErrProcessDone.
func (c *Child) Kill(sig syscall.Signal) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.reaped:
		return os.ErrProcessDone
	case sig < 0 || sig > maxSignal:
		return syscall.EINVAL
	}
	c.signalled = true
	c.signals |= setOf(sig)
	switch {
	case sig == syscall.SIGCONT:
		c.signals &^= stops
	case stops.has(sig):
		c.signals &^= continues
	}
	if !c.delivering {
		c.delivering = true
		go c.delivery()
	}
	return nil
}

// delivery gives the signals that wait their effect.
func (c *Child) delivery() {
	c.block.sleepUntil(childSignal)
	c.mu.Lock()
	for {
		due := c.signals
		if c.resumed != nil { // the others wait for it to go on
			due &= setOf(syscall.SIGKILL, syscall.SIGCONT)
		}
		sig := due.next()
		if due.has(syscall.SIGKILL) {
			sig = syscall.SIGKILL
		}
		if sig == 0 {
			break
		}
		c.signals &^= setOf(sig)
		c.endGroup(sig)
		effect := c.effect(sig)
		c.mu.Unlock()
		effect()
		c.mu.Lock()
	}
	c.delivering = false
	c.mu.Unlock()
}

// effect returns what a signal does; the mutex is held. A child that has reached
// Main ends its context at SIGTERM, and kills its group at SIGHUP, which tells it
// that its daemon has died.
func (c *Child) effect(sig syscall.Signal) func() {
	nothing := func() {}
	dies := func(sig syscall.Signal) func() {
		return func() { c.End(forker.Exit{Code: -1, Signal: sig}) }
	}
	switch {
	case c.over:
		return nothing
	case sig == syscall.SIGCONT:
		if c.resumed != nil {
			close(c.resumed)
			c.resumed = nil
		}
		return nothing
	case stops.has(sig):
		if c.resumed == nil {
			c.resumed = make(chan struct{})
		}
		return nothing
	case sig == syscall.SIGTERM && c.plan.IgnoresTerm:
		return nothing
	case sig == syscall.SIGTERM && c.began:
		return func() { c.tell(errTerminated) }
	case sig == syscall.SIGHUP && c.began:
		c.endGroup(syscall.SIGKILL)
		return dies(syscall.SIGKILL)
	case sig == syscall.SIGKILL:
		return dies(sig)
	}
	switch goDefault(sig) {
	case effectKill:
		return dies(sig)
	case effectCrash:
		return func() {
			c.Prints(stackDump(sig), true)
			c.End(forker.Exit{Code: crashStatus})
		}
	default:
		return nothing
	}
}
