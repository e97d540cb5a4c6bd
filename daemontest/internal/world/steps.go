package world

import (
	"cmp"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/evertick/evertick/daemontest/internal/timeline"
)

// Step is one or more actions at a time, or after an event.
type Step struct {
	// At is the time since the scenario's start or, with After, since the
	// event.
	At time.Duration

	// After, where not nil, recognises the event in the timeline.
	After func(timeline.Entry) bool

	// AnyOrder leaves the place among the steps of one instant to the seed.
	// The others happen in their written order.
	AnyOrder bool

	// Actions happen one after the other.
	Actions []Action

	block int // of its lane
	index int // of its place in the scenario
}

// Action is something that happens to the world. It returns at once.
type Action struct {
	// Name stands in the timeline.
	Name string

	// Do does it.
	Do func()
}

// steps lets the steps of a scenario happen.
type steps struct {
	time     *worldTime
	timeline *timeline.Timeline
	record   *timeline.Source
	timed    []Step
	stop     chan struct{} // closed when the scenario is cut
	done     chan struct{} // a step has been done

	mu      sync.Mutex // held for instants only
	waiting []Step     // for their events
	pending int        // how many are certain to come
	begun   []bool     // by their place
}

func newSteps(t *worldTime, tl *timeline.Timeline, all []Step) *steps {
	s := &steps{
		time: t, timeline: tl, record: tl.Source(0),
		stop: make(chan struct{}), done: make(chan struct{}, 1), begun: make([]bool, len(all)),
	}
	for i, step := range all {
		step.block, step.index = t.stepBlock(i), i
		if step.After == nil {
			s.timed = append(s.timed, step)
		} else {
			s.waiting = append(s.waiting, step)
		}
	}
	order(s.timed)
	s.pending = len(s.timed)
	if len(s.waiting) > 0 {
		tl.Watch(s.fireTriggers)
	}
	return s
}

// order sorts timed steps, and the lanes of those of one instant by the order in
// which they are written.
func order(timed []Step) {
	inOrder := map[time.Duration][]int{}
	for i, step := range timed {
		if !step.AnyOrder {
			inOrder[step.At] = append(inOrder[step.At], i)
		}
	}
	for _, same := range inOrder {
		var blocks []int
		for _, i := range same {
			blocks = append(blocks, timed[i].block)
		}
		slices.Sort(blocks)
		for k, i := range same {
			timed[i].block = blocks[k]
		}
	}
	slices.SortStableFunc(timed, func(a, b Step) int {
		return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.block, b.block))
	})
}

// drive does the timed steps, until the scenario is cut.
func (s *steps) drive() {
	for _, step := range s.timed {
		wait := after(step.At.Truncate(s.time.quantum) + lane(step.block, laneStep) - s.time.exact())
		select {
		case <-wait.C:
			done := make(chan struct{})
			go func() { // an action may end its goroutine
				defer close(done)
				s.do(step)
			}()
			<-done
		case <-s.stop:
			wait.Stop()
			return
		}
	}
}

// fireTriggers starts the steps that e is the event for.
func (s *steps) fireTriggers(e timeline.Entry) {
	s.mu.Lock()
	var due []Step
	s.waiting = slices.DeleteFunc(s.waiting, func(step Step) bool {
		if step.After(e) {
			due = append(due, step)
			return true
		}
		return false
	})
	s.pending += len(due)
	s.mu.Unlock()
	for _, step := range due {
		go func() {
			wait := after(s.time.until(step.block, laneStep, step.At))
			defer wait.Stop()
			select {
			case <-wait.C:
				s.do(step)
			case <-s.stop:
			}
		}()
	}
}

// do does a step's actions now.
func (s *steps) do(step Step) {
	name, returned := "", false
	defer func() {
		if v := recover(); v != nil {
			s.timeline.Fail(fmt.Sprintf("step %q panicked: %v\n%s", name, v, debug.Stack()))
		} else if !returned {
			s.timeline.Fail(fmt.Sprintf("step %q called runtime.Goexit, as t.FailNow, t.Fatal and require do: use World.Fail or t.Error", name))
		}
		s.mu.Lock()
		s.pending--
		s.mu.Unlock()
		select {
		case s.done <- struct{}{}:
		default:
		}
	}()
	s.mu.Lock()
	s.begun[step.index] = true
	s.mu.Unlock()
	for _, a := range step.Actions {
		name = a.Name
		s.record.Add(timeline.Step, a.Name)
		a.Do()
	}
	returned = true
}

// allDone reports whether no step is certain to come.
func (s *steps) allDone() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pending == 0
}

// unfired returns the places of the steps that have not begun.
func (s *steps) unfired() (places []int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, begun := range s.begun {
		if !begun {
			places = append(places, i)
		}
	}
	return places
}
