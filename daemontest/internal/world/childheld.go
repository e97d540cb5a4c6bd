package world

import (
	"context"
	"fmt"
	"os"

	"github.com/evertick/evertick/forker"
)

// held is a child as one program of its daemon holds it. When that has executed
// the next one, nothing that is done with it has an effect.
type held struct {
	*Child
	g *Generation
}

var _ forker.Pausable = held{}

// Pause is forker.Pausable's.
func (h held) Pause(ctx context.Context) error {
	if !h.g.awake() {
		return h.g.freeze()
	}
	h.mu.Lock()
	if h.reaping {
		h.mu.Unlock()
		return os.ErrProcessDone
	}
	if h.unpaused == nil {
		h.unpaused = make(chan struct{})
	}
	h.mu.Unlock()
	err := h.pipe.pause(ctx)
	if err != nil {
		h.Resume()
	}
	return err
}

// Resume is forker.Pausable's.
func (h held) Resume() {
	if !h.g.alive() {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.unpaused != nil {
		h.pipe.resume()
		close(h.unpaused)
		h.unpaused, h.handingOff = nil, false
	}
}

// awaitResume waits as long as the child is paused, or until the program is no
// more. After it no pause begins.
func (h held) awaitResume() {
	for {
		h.mu.Lock()
		unpaused := h.unpaused
		h.reaping = unpaused == nil
		h.mu.Unlock()
		if unpaused == nil {
			return
		}
		select {
		case <-unpaused:
			h.block.sleepUntil(childWorked)
		case <-h.g.gone:
			return
		}
	}
}

// Handoff is forker.Pausable's. The value is the child's number.
func (h held) Handoff() (forker.Handoff, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.handingOff = true
	return forker.Handoff{Value: fmt.Sprint(h.pid)}, nil
}

func (c *Child) isHandedOff() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.handingOff
}

// successor returns the program that adopts the child, now that the one before is
// no more; nil where none does before its process ends.
func (c *Child) successor() *Generation {
	if !c.isHandedOff() {
		return nil
	}
	select {
	case g := <-c.handed:
		return g
	case <-c.process.ended:
	case <-c.gone:
	}
	return nil
}
