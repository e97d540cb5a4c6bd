package daemontest

import (
	"sync"

	"github.com/evertick/evertick/daemontest/internal/world"
	"github.com/evertick/evertick/lock"
)

// met is what has become of the things that a scenario names: what was never
// met had no effect, and is a miss. It is safe for concurrent use.
type met struct {
	mu     sync.Mutex              // held for instants only
	rules  []bool                  // of the script, by their place: whether an iteration was theirs
	calls  map[[2]string]int       // of the workers' methods, by pool and method
	tasks  map[string]map[int]bool // the rules that were met of the scripts of children, by task
	vain   []string                // actions that found nothing to act on
	late   []lateAction
	stolen []string // the URLs of locks that actions named
	denied []string // the paths that actions made unusable
	faults []expectedFault
}

// expectedFault is something wrong with the world that a daemon must meet.
type expectedFault struct {
	what   string
	count  func() int64 // how often it was met
	before int64
}

// lateAction is a change of the world that was made when no process was left.
type lateAction struct {
	what      string
	processes int // that there had been
}

func newMet(rules int) *met {
	return &met{rules: make([]bool, rules), tasks: map[string]map[int]bool{}, calls: map[[2]string]int{}}
}

func (m *met) rule(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rules[n] = true
}

// child notes that a child has followed a rule of its task's script; noRule is
// the script itself.
func (m *met) child(task string, rule int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.tasks[task] == nil {
		m.tasks[task] = map[int]bool{}
	}
	m.tasks[task][rule] = true
}

// call counts one more call of a pool's method.
func (m *met) call(pool, method string) (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls[[2]string{pool, method}]++
	return m.calls[[2]string{pool, method}]
}

// hasChild reports whether a child has done so.
func (m *met) hasChild(task string, rule int) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.tasks[task][rule]
}

// notInTime notes a change of the world that no process is left to find, unless
// another one than so many begins.
func (m *met) notInTime(what string, processes int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.late = append(m.late, lateAction{what, processes})
}

// expect notes that something is wrong from now on; count tells how often it was
// met.
func (m *met) expect(what string, count func() int64) {
	before := count()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.faults = append(m.faults, expectedFault{what, count, before})
}

// lockName returns the name under which a daemon knows the lock of a URL: a
// relative path in it is one from Dir.
func lockName(url string) string {
	l, err := lock.Parse(url)
	if err != nil {
		return url // of a scheme that only the daemon knows
	}
	if b, ok := l.(lock.Binder); ok {
		l = b.Bind(world.Dir, nil)
	}
	return l.String()
}
