package core

import (
	"context"
	"sync"
)

// ErrStopping is what Sleep returns, and the cause of the context that
// CancelOnStop cancels, once the daemon stops or restarts: see Stopping.
// errors.Is(err, context.Canceled) matches it, too.
var ErrStopping error = stoppingError{}

type stoppingError struct{}

func (stoppingError) Error() string        { return "the daemon is stopping or restarting" }
func (stoppingError) Is(target error) bool { return target == context.Canceled }

// stopNotice is a channel that is closed while the daemon stops or restarts.
// Many goroutines read it, the event goroutine writes it. The zero value is open.
type stopNotice struct {
	mu     sync.Mutex // held for instants only
	notice chan struct{}
	given  bool
}

func (n *stopNotice) channel() <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.notice == nil {
		n.notice = make(chan struct{})
	}
	return n.notice
}

// give closes the channel.
func (n *stopNotice) give() {
	n.channel()
	n.mu.Lock()
	defer n.mu.Unlock()
	close(n.notice)
	n.given = true
}

// takeBack makes a new channel for a daemon that goes on after all.
func (n *stopNotice) takeBack() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.notice, n.given = nil, false
}
