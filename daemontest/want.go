package daemontest

import (
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/evertick/evertick/daemontest/internal/timeline"
)

// Want is what must be true when a scenario is over.
//
// Beside it, a scenario fails where something in it had no effect or was not
// asked for: a daemon that never became ready (see NeverReady), a process that
// ended with another status than 0 (see Exit, ExitOf and Killed), a step, a rule
// of the script, a file, a lock or a path that was never met (see Step.Maybe and
// Script.Maybe).
type Want []Expectation

// Expectation is one thing wanted. It returns nil where it is so.
type Expectation func(r *Result) *miss

// of asks e about r, and makes a miss of a panic.
func (e Expectation) of(r *Result) (m *miss) {
	defer func() {
		if v := recover(); v != nil {
			m = missed(nil, "an expectation panicked: %v\n%s", v, debug.Stack())
		}
	}()
	return e(r)
}

// entries returns the entries of the timeline that is holds for.
func (r *Result) entries(is func(timeline.Entry) bool) (all []timeline.Entry) {
	r.timeline().Each(func(e timeline.Entry) {
		if is(e) {
			all = append(all, e)
		}
	})
	return all
}

func (r *Result) wantCount(want int, what string, is func(timeline.Entry) bool) *miss {
	got := r.timeline().Count(is)
	if got == want {
		return nil
	}
	m := missed(is, "want %d %s, got %d", want, what, got)
	if odd, at := divergence(r.entries(is), want); at != "" {
		m.focus = func(e timeline.Entry) bool { return e == odd }
		m.text += at
	}
	return m
}

// divergence returns the entry where so many too many begin, or else the first
// one that breaks the rhythm of the others, and says where that is.
func divergence(all []timeline.Entry, want int) (odd timeline.Entry, at string) {
	gaps := map[time.Duration]int{}
	usual := time.Duration(0)
	for i := 1; i < len(all); i++ {
		gap := (all[i].At - all[i-1].At).Round(time.Millisecond)
		if gaps[gap]++; gaps[gap] > gaps[usual] {
			usual = gap
		}
	}
	if 2*gaps[usual] > len(all) {
		for i := 1; i < len(all); i++ {
			if gap := (all[i].At - all[i-1].At).Round(time.Millisecond); gap != usual {
				return all[i], fmt.Sprintf("; most are %s apart, but number %d comes %s after the one before, at %s",
					usual, i+1, gap, all[i].At.Round(time.Millisecond))
			}
		}
	}
	if want > 0 && want < len(all) {
		return all[want], fmt.Sprintf("; number %d comes at %s", want+1, all[want].At.Round(time.Millisecond))
	}
	return timeline.Entry{}, ""
}

// Iterations wants n iterations, by all processes together.
func Iterations(n int) Expectation {
	return func(r *Result) *miss { return r.wantCount(n, "iterations", isExecute) }
}

// fewTimes is how many times a report lists one by one.
const fewTimes = 12

// IterationsAt wants iterations to start at exactly these times, rounded to
// milliseconds.
func IterationsAt(times ...time.Duration) Expectation {
	return func(r *Result) *miss {
		all := r.entries(isExecute)
		got := make([]time.Duration, len(all))
		for i := range all {
			got[i] = all[i].At.Round(time.Millisecond)
		}
		if slices.Equal(got, times) {
			return nil
		}
		i := 0
		for i < min(len(got), len(times)) && got[i] == times[i] {
			i++
		}
		m := missed(isExecute, "want iterations at %v, got %v", times, got)
		if max(len(times), len(got)) > fewTimes {
			m = missed(isExecute, "want %d iterations at the times given, got %d", len(times), len(got))
		}
		switch {
		case i >= len(got):
			m.text += fmt.Sprintf("; want number %d at %s, got none", i+1, times[i])
		case i >= len(times):
			m.text += fmt.Sprintf("; want no number %d, got one at %s", i+1, got[i])
		default:
			m.text += fmt.Sprintf("; want number %d at %s, got it at %s", i+1, times[i], got[i])
		}
		if i < len(all) {
			m.focus = func(e timeline.Entry) bool { return e == all[i] }
		}
		return m
	}
}

// Overruns wants n iterations that took longer than the interval.
func Overruns(n int) Expectation {
	return func(r *Result) *miss {
		return r.wantCount(n, "overruns", func(e timeline.Entry) bool {
			return isExecute(e) && e.Overran()
		})
	}
}

// MissedTicks wants n missed ticks to have been counted in the end, by all
// processes together.
func MissedTicks(n int64) Expectation {
	return func(r *Result) *miss {
		var got int64
		for _, p := range r.world.sim.Processes() {
			if p.IsDaemon() {
				got += p.Daemon().Stats().Missed
			}
		}
		if got != n {
			return missed(isExecute, "want %d missed ticks, got %d", n, got)
		}
		return nil
	}
}

// Failures wants n iterations that failed.
func Failures(n int) Expectation {
	return func(r *Result) *miss {
		return r.wantCount(n, "failed iterations", func(e timeline.Entry) bool { return isExecute(e) && e.Failed })
	}
}

// Restarts wants n restarts in place.
func Restarts(n int) Expectation {
	return func(r *Result) *miss {
		return r.wantCount(n, "restarts", func(e timeline.Entry) bool { return e.Kind == timeline.Exec })
	}
}

// Notifies wants the supervisor to have received exactly these states, beside
// STATUS=iteration …, which comes with the iterations.
func Notifies(states ...string) Expectation {
	return func(r *Result) *miss {
		status := func(state string) bool { return strings.HasPrefix(state, "STATUS=iteration ") }
		if got := slices.DeleteFunc(r.Notified(), status); !slices.Equal(got, states) {
			return missed(func(e timeline.Entry) bool { return e.Kind == timeline.Notify }, "want notifications %q, got %q", states, got)
		}
		return nil
	}
}

// AnyOf wants everything in at least one of the lists; what is missing of the
// first one is reported. Without a list it is a miss.
func AnyOf(lists ...Want) Expectation {
	return func(r *Result) *miss {
		first := missed(nil, "want one of the lists of AnyOf, got no list: name what may be")
		for i, list := range lists {
			missing, asked := r.firstMiss(list)
			if missing == nil {
				r.asked.add(asked)
				return nil
			}
			if i == 0 {
				first = missing
			}
		}
		return first
	}
}

// firstMiss returns what is missing first of a list, and what the list speaks
// of.
func (r *Result) firstMiss(list Want) (*miss, asked) {
	try := *r
	try.asked = asked{}
	for _, e := range list {
		if m := e.of(&try); m != nil {
			return m, try.asked
		}
	}
	return nil, try.asked
}

// Check wants check to return nil; its error is reported.
func Check(what string, check func(r *Result) error) Expectation {
	return func(r *Result) *miss {
		if err := check(r); err != nil {
			return missed(nil, "want %s, got: %v", what, err)
		}
		return nil
	}
}
