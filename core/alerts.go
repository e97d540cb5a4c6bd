package core

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/mail"
)

const (
	subjectAlert    = "Alert"
	subjectShutdown = "Shutdown"

	// mailDepth is how many alerts may wait; the oldest is dropped, and
	// logged, when there are more.
	mailDepth = 64

	// mailTimeout bounds one attempt to deliver.
	mailTimeout = 30 * time.Second

	// flushTimeout is how long the end of the daemon waits for its last mails.
	flushTimeout = 5 * time.Second
)

// alertQueue delivers mails one after the other, beside the loop.
type alertQueue struct {
	clock  clockwork.Clock
	sender mail.Sender
	logf   func(format string, args ...any)

	mu    sync.Mutex // held for instants only
	queue []mail.Message
	idle  chan struct{} // closed while nothing waits

	more   chan struct{}
	ctx    context.Context
	cancel context.CancelFunc
	start  sync.Once

	pendingLogged atomic.Bool
}

func newAlertQueue(clock clockwork.Clock, sender mail.Sender, logf func(format string, args ...any)) *alertQueue {
	q := &alertQueue{
		clock: clock, sender: sender, logf: logf,
		more: make(chan struct{}, 1), idle: make(chan struct{}),
	}
	close(q.idle)
	q.ctx, q.cancel = context.WithCancel(context.Background())
	return q
}

// put never blocks.
func (q *alertQueue) put(messages ...mail.Message) {
	for _, m := range messages {
		if q.add(m) {
			q.logf("Error: %d alert mails wait already: the oldest is dropped", mailDepth)
		}
		q.start.Do(func() { go q.run() })
		select {
		case q.more <- struct{}{}:
		default:
		}
	}
}

func (q *alertQueue) add(m mail.Message) (dropped bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if dropped = len(q.queue) == mailDepth; dropped {
		q.queue = slices.Delete(q.queue, 1, 2) // the first one is on its way
	}
	if len(q.queue) == 0 {
		q.idle = make(chan struct{})
	}
	q.queue = append(q.queue, m)
	return dropped
}

func (q *alertQueue) run() {
	for q.ctx.Err() == nil {
		m, ok := q.first()
		if !ok {
			select {
			case <-q.more:
			case <-q.ctx.Done():
			}
			continue
		}
		ctx, cancel := clockwork.WithTimeout(q.ctx, q.clock, mailTimeout)
		err := recovered(func() error { return q.sender.Send(ctx, m) })
		cancel()
		if q.ctx.Err() != nil {
			return
		}
		if err != nil {
			q.logf("Error: alert mail %q to %v was not delivered: %v", m.Subject, m.To, err)
		}
		q.remove()
	}
}

func (q *alertQueue) first() (mail.Message, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.queue) == 0 {
		return mail.Message{}, false
	}
	return q.queue[0], true
}

// remove takes the first one out.
func (q *alertQueue) remove() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.queue = q.queue[1:]; len(q.queue) == 0 {
		close(q.idle)
	}
}

// pending returns the mails that are not known to be delivered.
func (q *alertQueue) pending() []mail.Message {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Clone(q.queue)
}

// flush waits until everything is delivered, for a while.
func (q *alertQueue) flush(ctx context.Context) {
	q.mu.Lock()
	idle := q.idle
	q.mu.Unlock()
	ctx, cancel := clockwork.WithTimeout(ctx, q.clock, flushTimeout)
	defer cancel()
	select {
	case <-idle:
	case <-ctx.Done():
		q.logPending()
	}
}

// logPending logs how many mails are not known to be delivered, if any, for an
// end that does not wait for them. A flush that such an end cuts short does not
// log them once more.
func (q *alertQueue) logPending() {
	if n := len(q.pending()); n > 0 && !q.pendingLogged.Swap(true) {
		q.logf("Error: %d alert mails were not delivered before the end", n)
	}
}

func (q *alertQueue) close() { q.cancel() }
