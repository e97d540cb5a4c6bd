package forker

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// Handle is a child as its Fork sees it. It is safe for concurrent use.
type Handle[Out any] struct {
	group *Group
	child *child
}

// Wait returns the task's result, when the child has ended and was reaped. It
// returns ctx's cause when ctx is done first; the child then goes on.
//
// An error is a *TaskError, *PanicError, *ExitError, *TimeoutError or
// *SizeError, or one of ErrMemory, ErrKilled and ErrClosed, in a text that
// names the task and the PID.
func (h *Handle[Out]) Wait(ctx context.Context) (Out, error) {
	var out Out
	select {
	case <-h.Done():
	case <-ctx.Done():
		if !closed(h.child.done) {
			return out, context.Cause(ctx)
		}
	}
	if h.child.err != nil {
		return out, h.child.err
	}
	if err := json.Unmarshal(h.child.result, &out); err != nil {
		return out, h.child.explain(fmt.Errorf("its result (%T) cannot be decoded: %w", out, err))
	}
	return out, nil
}

// Done returns a channel that is closed when the child has ended and was
// reaped. Who has called it, or Wait, is told of a failure by Wait alone.
func (h *Handle[Out]) Done() <-chan struct{} {
	h.group.mu.Lock()
	defer h.group.mu.Unlock()
	h.child.attended = true
	return h.child.done
}

// Kill sends SIGKILL to the child's process group, or takes a queued child out
// of the queue. It returns at once; Wait then returns ErrKilled, unless there
// was a result already.
func (h *Handle[Out]) Kill() {
	h.group.unqueue(h.child, ErrKilled)
	h.child.forceEnd()
}

// PID returns the child's number; 0 for one that was not started.
func (h *Handle[Out]) PID() int { return h.Info().PID }

// Started returns when the child was started, by the wall clock; zero for one
// that was not.
func (h *Handle[Out]) Started() time.Time { return h.Info().Started }

// Exit returns how the child's process ended; ended is false while it lives,
// and for one that was never started.
func (h *Handle[Out]) Exit() (exit Exit, ended bool) {
	info := h.Info()
	return info.Exit, info.State == Ended && info.PID != 0
}

// Info returns what is known of the child now.
func (h *Handle[Out]) Info() Info { return h.group.infoOf(h.child) }
