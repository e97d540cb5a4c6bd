package daemontest

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/forker"
)

// entry is one line of the timeline, not yet put into words.
type entry struct {
	at     time.Duration
	took   time.Duration // entryExecute
	per    time.Duration // entryExecute: the interval; 0 for none
	n      int64         // iteration, or exit status
	p      *process      // nil: the world
	text   string
	kind   entryKind
	done   bool // entryExecute: it has ended
	failed bool // entryExecute: with an error, which is text
}

type entryKind uint8

const (
	entryExecute entryKind = iota
	entryLog
	entryState
	entryStep
	entryMail
	entryNotify
	entryExec
	entryEnd
)

// spinLimit is how many things may happen at one instant before that counts as
// a spin.
const spinLimit = 100_000

// trace records what happens, in order.
type trace struct {
	world    *World
	progress atomic.Int64 // grows with every entry, for the watchdog

	// moves has a bit for each state that an event did lead to.
	moves [core.StateEnded + 1][core.TickDue + 1]atomic.Uint32

	mu       sync.Mutex // held for instants only
	entries  record
	failures []string
	last     time.Duration
	same     int  // entries at the instant last
	spins    bool // the spin has been told
}

func (t *trace) fail(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failures = append(t.failures, text)
}

// add records e at the present time. It reports false when the scenario spins.
func (t *trace) add(e entry) bool {
	t.progress.Add(1)
	e.at = t.world.now()
	t.mu.Lock()
	spin := t.count(e.at)
	if !t.spins {
		t.entries.add(e)
	}
	t.mu.Unlock()
	if e.kind == entryLog && len(t.world.triggers) > 0 {
		t.world.pull(e)
	}
	return !spin
}

func (t *trace) spinning() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.spins
}

func (t *trace) count(at time.Duration) (spin bool) {
	if at != t.last {
		t.last, t.same = at, 0
	}
	t.same++
	if t.same > spinLimit && !t.spins {
		t.spins = true
		t.failures = append(t.failures, fmt.Sprintf(
			"spin: more than %d things happened at %s without time moving on. Does Execute return at once at interval 0? Let it take time (daemontest.Takes), or set an interval.", spinLimit, at))
	}
	return t.spins
}

// allowed has a bit for each state that an event may lead to.
var allowed = func() (table [core.StateEnded + 1][core.TickDue + 1]uint16) {
	for _, t := range core.Lifecycle() {
		table[t.From][t.Event] |= 1 << t.To
	}
	return table
}()

// opened is the place of a process's iteration that runs, in trace.entries.
type opened struct {
	index int
	n     int64
}

// observe is core.Host.Observe of one image.
func (i *image) observe(o core.Observation) {
	if !i.alive() {
		return
	}
	p, t := i.process, i.world.trace
	switch o.Kind {
	case core.ObserveBegin:
		i.begin(o.Iteration)
	case core.ObserveAside: // whatever caused it comes first
		i.world.cross(i.block, laneAside)
	case core.ObserveEnd:
		t.end(p, o)
	case core.ObserveLog:
		if i.birth.Kind != forker.Trial {
			t.add(entry{kind: entryLog, p: p, text: withoutStacks(o.Text)})
		}
	case core.ObserveEvent:
		if moves := &t.moves[o.From][o.Event]; moves.Load()&(1<<o.To) == 0 {
			moves.Or(1 << o.To)
		}
		if allowed[o.From][o.Event]&(1<<o.To) == 0 {
			t.fail(fmt.Sprintf("the event %q led from %q to %q, which the table of core.Lifecycle does not have", o.Event, o.From, o.To))
		}
		if o.From != o.To && !daily(o.From, o.To) && !daily(o.To, o.From) {
			t.add(entry{kind: entryState, p: p, text: o.To.String()})
		}
	case core.ObserveAlert, core.ObserveExit: // told by the log and the mail, and by the process's end
	}
}

// daily is a change of state that the lines of the iterations tell already.
func daily(from, to core.State) bool {
	return from == core.StateSleeping && to == core.StateExecuting
}

// withoutStacks cuts goroutine stacks, whose numbers and addresses differ from
// run to run.
func withoutStacks(text string) string {
	head, _, found := strings.Cut(text, "\ngoroutine ")
	if found {
		return head + "\n(stacks)"
	}
	return text
}

// begin notes the start of an iteration. The daemon's own Execute gets a lane
// of its own, so that a sleep in it ends at another instant than the daemon's
// timers fire.
func (i *image) begin(n int64) {
	if !i.world.trace.begin(i.process, n, i.daemon.Interval()) { // a spin: let the rest of the world go on
		<-i.gone
	}
	if i.world.lined {
		i.world.lineUp(i.block, laneExecute)
	}
}

func (t *trace) begin(p *process, n int64, interval time.Duration) bool {
	t.progress.Add(1)
	at := t.world.now()
	t.mu.Lock()
	spin := t.count(at)
	p.open = opened{t.entries.len(), n}
	e := entry{at: at, kind: entryExecute, p: p, n: n, per: interval}
	t.entries.add(e)
	t.mu.Unlock()
	if len(t.world.triggers) > 0 {
		t.world.pull(e)
	}
	return !spin
}

func (t *trace) end(p *process, o core.Observation) {
	t.progress.Add(1)
	t.mu.Lock()
	e := t.find(p, o.Iteration)
	if e == nil {
		t.mu.Unlock()
		return
	}
	e.took, e.done = o.Took, true
	if o.Err != nil {
		e.failed, e.text = true, o.Err.Error()
	}
	ended := *e
	t.mu.Unlock()
	if len(t.world.triggers) > 0 {
		t.world.pull(ended)
	}
}

// find is the entry of an iteration, most often the latest one. Only one that
// was left behind can be another.
func (t *trace) find(p *process, n int64) *entry {
	if p.open.n == n {
		return t.entries.at(p.open.index)
	}
	for i := t.entries.len() - 1; i >= 0; i-- {
		if e := t.entries.at(i); e.kind == entryExecute && e.p == p && e.n == n {
			return e
		}
	}
	return nil
}

// write puts the timeline into words. mark, where not nil, chooses the lines
// to be marked.
func (t *trace) write(out io.Writer, mark func(entry) bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	several := t.several()
	for i := range t.entries.len() {
		e := t.entries.at(i)
		sign := "  "
		if mark != nil && mark(*e) {
			sign = "> "
		}
		who := ""
		if several && e.p != nil {
			who = fmt.Sprintf("%d ", e.p.pid)
		}
		text := strings.ReplaceAll(strings.TrimRight(e.words(), "\n"), "\n", "\n                 | ")
		fmt.Fprintf(out, "%s%s  %s%s\n", sign, stamp(e.at), who, text)
	}
}

// several reports whether more than one process is in the timeline.
func (t *trace) several() bool {
	var first *process
	for i := range t.entries.len() {
		switch p := t.entries.at(i).p; {
		case p == nil || p == first:
		case first == nil:
			first = p
		default:
			return true
		}
	}
	return false
}

// stamp is minutes, seconds and milliseconds; hours where there are any.
func stamp(d time.Duration) string {
	d = d.Round(time.Millisecond)
	h, m := int(d.Hours()), int(d.Minutes())%60
	s, ms := int(d.Seconds())%60, int(d.Milliseconds())%1000
	if h > 0 {
		return fmt.Sprintf("%02d:%02d:%02d.%03d", h, m, s, ms)
	}
	return fmt.Sprintf("%02d:%02d.%03d", m, s, ms)
}

func (e *entry) words() string {
	switch e.kind {
	case entryExecute:
		return e.iteration()
	case entryLog:
		return "log: " + e.text
	case entryState:
		return "-> " + e.text
	case entryStep:
		return "step: " + e.text
	case entryMail:
		return "mail: " + e.text
	case entryNotify:
		return "notify: " + e.text
	case entryExec:
		return "exec: next image"
	default:
		return "end: " + e.text
	}
}

// overran reports whether an iteration took longer than its interval.
func (e *entry) overran() bool { return e.done && e.per > 0 && e.took > e.per }

func (e *entry) iteration() string {
	text := fmt.Sprintf("execute #%d", e.n)
	switch {
	case !e.done:
		text += " ... does not return"
	case e.took > 0:
		text += fmt.Sprintf(" ... %s", e.took.Round(time.Microsecond))
	}
	if e.overran() {
		text += fmt.Sprintf("  OVERRUN +%s", (e.took - e.per).Round(time.Microsecond))
	}
	if e.failed {
		text += "  FAILED: " + e.text
	}
	return text
}
