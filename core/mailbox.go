package core

import (
	"math/bits"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// An event is one thing that happened. Which fields count depends on the kind.
type event struct {
	kind   EventKind
	cause  string    // in words, for the log: why a stop or a restart
	err    error     // Checked, Leased, SetUp, Executed, TornDown, TrialRefused
	signal os.Signal // SignalCame
	took   time.Duration
	job    int // which job of the worker has returned: see machine.job
}

// mailbox is the one stream of events. Any goroutine may post; one takes.
// Events are taken by their precedence, then by age.
type mailbox struct {
	mu     sync.Mutex // held for instants only
	queues [numEvents][]event
	ready  atomic.Uint32 // bit k: queues[k] is not empty; written with mu held
	wake   chan struct{}
}

func newMailbox() *mailbox { return &mailbox{wake: make(chan struct{}, 1)} }

// post never blocks. Events of a kind that says the same however often it is
// said are merged, so that a storm of signals takes no memory.
func (m *mailbox) post(e event) {
	m.mu.Lock()
	q := &m.queues[e.kind]
	if len(*q) == 0 || !e.mergeable((*q)[len(*q)-1]) {
		*q = append(*q, e)
		m.ready.Or(1 << e.kind)
	}
	m.mu.Unlock()
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

func (e event) mergeable(last event) bool {
	switch e.kind {
	case RestartAsked, Woken, TickDue, Housekeeping, LeaseLost:
		return true
	case SignalCame:
		return e.signal == last.signal
	default:
		return false
	}
}

// take returns the event that goes first, if there is one.
func (m *mailbox) take() (event, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	ready := m.ready.Load()
	if ready == 0 {
		return event{}, false
	}
	k := bits.TrailingZeros32(ready)
	q := m.queues[k]
	e := q[0]
	copy(q, q[1:])
	q[len(q)-1] = event{}
	m.queues[k] = q[:len(q)-1]
	if len(m.queues[k]) == 0 {
		m.ready.And(^uint32(1 << k))
	}
	return e, true
}

// before reports whether an event waits that goes before those of kind k.
func (m *mailbox) before(k EventKind) bool { return m.ready.Load()&(1<<k-1) != 0 }

// drop forgets the events of kind k that wait, and reports whether there were
// any.
func (m *mailbox) drop(k EventKind) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	had := len(m.queues[k]) > 0
	clear(m.queues[k])
	m.queues[k] = m.queues[k][:0]
	m.ready.And(^uint32(1 << k))
	return had
}
