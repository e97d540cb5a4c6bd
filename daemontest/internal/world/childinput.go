package world

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/evertick/evertick/forker"
)

// callsAhead is how many calls wait in a worker, besides those in its pipe.
const callsAhead = 16

// frameSize is what a message takes in the pipe besides its data.
const frameSize = 64

// errNoReader is what a message to a child meets that has ended.
var errNoReader = fmt.Errorf("the child takes no messages any more: %w", syscall.EPIPE)

// Send is forker.Process's.
func (h held) Send(ctx context.Context, m forker.Message) error {
	c := h.Child
	m.Data = c.given(m.Data)
	for {
		if !h.g.awake() {
			return h.g.freeze()
		}
		c.mu.Lock()
		reaped, over, cut := c.reaped, c.over, c.cutShort
		c.mu.Unlock()
		switch {
		case reaped:
			return os.ErrProcessDone
		case cut != nil:
			return cut
		case over:
			return errNoReader
		}
		_, full := c.input.write(frameSize+len(m.Data), func() {
			select {
			case c.calls <- m:
			case <-c.gone:
			}
		})
		if full == nil {
			return nil
		}
		select {
		case <-full:
		case <-c.gone:
		case <-h.g.gone:
		case <-ctx.Done():
			err := fmt.Errorf("the child has not taken the message: %w", context.Cause(ctx))
			c.mu.Lock()
			c.cutShort = errors.Join(c.cutShort, err)
			c.mu.Unlock()
			return err
		}
	}
}

// receive takes what the daemon sends, one message after the other in a lane of
// the child's own, as long as it lives.
func (c *Child) receive() {
	for c.Alive() {
		take, empty := c.input.next()
		if take == nil {
			select {
			case <-empty:
			case <-c.gone:
			}
			continue
		}
		c.block.sleepUntil(childCalled)
		take()
	}
}
