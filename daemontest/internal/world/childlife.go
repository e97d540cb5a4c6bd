package world

import (
	"context"
	"syscall"
	"time"

	"github.com/evertick/evertick/forker"
)

// live is the child's life. The goroutines that it starts are known by its label.
func (c *Child) live() {
	c.label = newLabel()
	go c.dieWithDaemon()
	c.block.sleepUntil(childBegins)
	if !c.awake() {
		return
	}
	c.mu.Lock()
	c.began = true
	c.mu.Unlock()
	if c.plan.Run != nil {
		c.plan.Run(c)
	}
	if c.Alive() {
		go c.receive()
		its := c.command
		its.Message, its.Stdout, its.Stderr = c.Say, childStream{c, false}, childStream{c, true}
		c.End(forker.Perform(c.ctx, its, c.calls, c.instead))
	}
}

// instead asks the plan for the outcome of a call.
func (c *Child) instead(_ context.Context, call forker.Message) (outcome forker.Message, done bool) {
	if c.plan.Call == nil {
		return forker.Message{}, false
	}
	outcome, done = c.plan.Call(c, call.Text)
	return outcome, done || !c.awake()
}

// dieWithDaemon kills the child when its daemon is no more, or has executed the
// next program and has not handed the child over.
func (c *Child) dieWithDaemon() {
	for g := c.generation(); g != nil; {
		select {
		case <-g.gone:
			g = c.successor()
		case <-c.gone:
			return
		}
	}
	c.block.sleepUntil(childSignal)
	c.mu.Lock()
	c.signalled = true
	c.mu.Unlock()
	c.End(forker.Exit{Code: -1, Signal: syscall.SIGKILL})
	c.mu.Lock()
	defer c.mu.Unlock()
	c.endGroup(syscall.SIGKILL)
}

// Works takes d of the world's time and ends early with the context, whose cause
// it then returns, unless the child ignores SIGTERM.
func (c *Child) Works(d time.Duration) error {
	t := after(c.block.until(childWorked, d))
	defer t.Stop()
	told := c.ctx.Done()
	if c.plan.IgnoresTerm {
		told = nil
	}
	select {
	case <-t.C:
	case <-told:
	case <-c.gone:
	}
	if !c.awake() {
		return errGone
	}
	if told == nil {
		return nil
	}
	return context.Cause(c.ctx)
}

// Hangs never returns before the scenario is judged.
func (c *Child) Hangs() { <-c.time.judged }

// Wait is forker.Process's.
func (h held) Wait() forker.Exit {
	for _, event := range []<-chan struct{}{h.gone, h.drained} {
		select {
		case <-event:
		case <-h.g.gone:
		}
	}
	h.awaitResume()
	if !h.g.awake() {
		_ = h.g.freeze()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.reaped = h.g.alive()
	h.endGroup(syscall.SIGKILL)
	return h.exit
}
