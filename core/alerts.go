package core

import (
	"context"
	"fmt"
	"slices"
	"sync"
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

	// mailLimit bounds one attempt to deliver.
	mailLimit = 30 * time.Second

	// flushLimit is how long the end of the daemon waits for its last mails.
	flushLimit = 5 * time.Second
)

// alert logs a message and mails it. It never blocks.
func (d *Daemon) alert(subject, message string) {
	d.log.print(message)
	if d.host.Observe != nil {
		d.host.Observe(Observation{Kind: ObserveAlert, Text: message})
	}
	if d.set.alerts == nil {
		return
	}
	d.alerts.put(mail.Message{
		To:      d.set.recipients,
		Subject: d.name + " " + subject,
		Body:    d.mailBody(message),
		Time:    d.host.Clock.Wall(),
	})
}

func (d *Daemon) mailBody(message string) string {
	return fmt.Sprintf("%s\n\nHost: %s\nPID: %d\nUptime: %s\nIterations: %d\nVersion: %s\n",
		d.log.prefixed(message), d.host.Name, d.host.Processes.PID(), d.uptime(), d.Iteration(), d.versionOrNone())
}

func (d *Daemon) versionOrNone() string {
	if d.set.version == "" {
		return "not declared"
	}
	return d.set.version
}

// alertQueue delivers mails one after the other, beside the loop.
type alertQueue struct {
	d      *Daemon
	mu     sync.Mutex // held for instants only
	queue  []mail.Message
	idle   chan struct{} // closed while nothing waits
	more   chan struct{}
	ctx    context.Context
	cancel context.CancelFunc
	start  sync.Once
}

func newAlertQueue(d *Daemon) *alertQueue {
	q := &alertQueue{d: d, more: make(chan struct{}, 1), idle: make(chan struct{})}
	close(q.idle)
	q.ctx, q.cancel = context.WithCancel(context.Background())
	return q
}

// put never blocks.
func (q *alertQueue) put(m mail.Message) {
	q.mu.Lock()
	dropped := len(q.queue) == mailDepth
	if dropped {
		q.queue = slices.Delete(q.queue, 1, 2) // the first one is on its way
	}
	if len(q.queue) == 0 {
		q.idle = make(chan struct{})
	}
	q.queue = append(q.queue, m)
	q.mu.Unlock()
	if dropped {
		q.d.Logf("Error: %d alert mails wait already: the oldest is dropped", mailDepth)
	}
	q.start.Do(func() { go q.run() })
	select {
	case q.more <- struct{}{}:
	default:
	}
}

// resume queues what the image before could not deliver.
func (q *alertQueue) resume(messages []mail.Message) {
	for _, m := range messages {
		q.put(m)
	}
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
		ctx, cancel := clockwork.WithTimeout(q.ctx, q.d.host.Clock, mailLimit)
		err := recovered(func() error { return q.d.set.alerts.Send(ctx, m) })
		cancel()
		if q.ctx.Err() != nil {
			return
		}
		if err != nil {
			q.d.Logf("Error: alert mail %q to %v was not delivered: %v", m.Subject, m.To, err)
		}
		q.done()
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

func (q *alertQueue) done() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.queue = q.queue[1:]; len(q.queue) == 0 {
		close(q.idle)
	}
}

// pending are the mails that are not known to be delivered.
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
	ctx, cancel := clockwork.WithTimeout(ctx, q.d.host.Clock, flushLimit)
	defer cancel()
	select {
	case <-idle:
	case <-ctx.Done():
		if n := len(q.pending()); n > 0 {
			q.d.Logf("Error: %d alert mails were not delivered before the end", n)
		}
	}
}

func (q *alertQueue) close() { q.cancel() }
