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
type Want []Expectation

// Expectation is one thing wanted. It returns nil where it is so.
type Expectation func(r *Result) *miss

// miss is something wanted that is not so.
type miss struct {
	text string
	mark func(timeline.Entry) bool // the lines of the timeline to look at; nil: none
}

// of asks e about r, and makes a miss of a panic.
func (e Expectation) of(r *Result) (m *miss) {
	defer func() {
		if v := recover(); v != nil {
			m = missed(nil, "an expectation panicked: %v\n%s", v, debug.Stack())
		}
	}()
	return e(r)
}

func missed(mark func(timeline.Entry) bool, format string, args ...any) *miss {
	return &miss{fmt.Sprintf(format, args...), mark}
}

func (r *Result) wantCount(want int, what string, is func(timeline.Entry) bool) *miss {
	if got := r.timeline().Count(is); got != want {
		return missed(is, "want %d %s, got %d", want, what, got)
	}
	return nil
}

// Iterations wants n iterations, by all processes together.
func Iterations(n int) Expectation {
	return func(r *Result) *miss { return r.wantCount(n, "iterations", isExecute) }
}

// IterationsAt wants iterations to start at exactly these times, rounded to
// milliseconds.
func IterationsAt(times ...time.Duration) Expectation {
	return func(r *Result) *miss {
		got := r.Starts()
		for i := range got {
			got[i] = got[i].Round(time.Millisecond)
		}
		if fmt.Sprint(got) != fmt.Sprint(times) {
			return missed(isExecute, "want iterations at %v, got %v", times, got)
		}
		return nil
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

func logs(text string) func(timeline.Entry) bool {
	return func(e timeline.Entry) bool { return e.Kind == timeline.Log && strings.Contains(e.Text, text) }
}

// Logs wants at least one log message that contains text.
func Logs(text string) Expectation {
	return func(r *Result) *miss {
		if r.timeline().Count(logs(text)) == 0 {
			return missed(nil, "want a log message that contains %q, there is none", text)
		}
		return nil
	}
}

// LogsTimes wants exactly n log messages that contain text.
func LogsTimes(text string, n int) Expectation {
	return func(r *Result) *miss {
		return r.wantCount(n, fmt.Sprintf("log messages that contain %q", text), logs(text))
	}
}

// NoLog wants no log message that contains text.
func NoLog(text string) Expectation { return LogsTimes(text, 0) }

// LastLog wants the last log message to contain text.
func LastLog(text string) Expectation {
	return func(r *Result) *miss {
		var last string
		r.timeline().Count(func(e timeline.Entry) bool {
			if e.Kind == timeline.Log {
				last = e.Text
			}
			return false
		})
		if !strings.Contains(last, text) {
			return missed(nil, "want the last log message to contain %q, it is %q", text, last)
		}
		return nil
	}
}

// Mails wants the mail server to have taken n mails.
func Mails(n int) Expectation {
	return func(r *Result) *miss {
		return r.wantCount(n, "mails", func(e timeline.Entry) bool { return e.Kind == timeline.Mail })
	}
}

// MailContains wants a mail whose subject or body contains text.
func MailContains(text string) Expectation {
	return func(r *Result) *miss {
		for _, m := range r.world.Mails() {
			if strings.Contains(m.Subject, text) || strings.Contains(m.Body, text) {
				return nil
			}
		}
		return missed(func(e timeline.Entry) bool { return e.Kind == timeline.Mail }, "want a mail that contains %q, there is none", text)
	}
}

// Exit wants the daemon to end with this exit status.
func Exit(code int) Expectation {
	return func(r *Result) *miss {
		if p := r.world.sim.Main(); !p.ExitedWith(code) {
			return missed(endOf(0), "want exit status %d, got: %s", code, p.How())
		}
		return nil
	}
}

// ExitOf wants the first process that was started with these arguments to end
// with this exit status: a launcher, or the program that a Command ran.
func ExitOf(args string, code int) Expectation {
	return func(r *Result) *miss {
		for _, p := range r.world.sim.Processes() {
			if !slices.Equal(p.Args(), strings.Fields(args)) {
				continue
			}
			if !p.ExitedWith(code) {
				return missed(endOf(p.PID()), "want %q to end with exit status %d, got: %s", args, code, p.How())
			}
			return nil
		}
		return missed(nil, "want %q to end with exit status %d, but it was never run", args, code)
	}
}

// Killed wants a daemon to have been killed by a signal.
func Killed() Expectation {
	return func(r *Result) *miss {
		for _, p := range r.world.sim.Processes() {
			if p.IsDaemon() && p.Killed() {
				return nil
			}
		}
		return missed(endOf(0), "want the daemon to be killed, got: %s", r.world.sim.Main().How())
	}
}

// EndsAt wants the daemon to end at this time, rounded to milliseconds.
func EndsAt(at time.Duration) Expectation {
	return func(r *Result) *miss {
		if got := r.Ended().Round(time.Millisecond); got != at {
			return missed(endOf(r.world.PID()), "want the daemon to end at %s, got %s", at, got)
		}
		return nil
	}
}

// LockReleased wants no lock to be held in the end.
func LockReleased() Expectation {
	return func(r *Result) *miss {
		if held := r.world.sim.Locks.Kept(); len(held) > 0 {
			return missed(nil, "want every lock to be released, still held: %s", strings.Join(held, ", "))
		}
		return nil
	}
}

// NoFile wants the file not to be there in the end.
func NoFile(path string) Expectation {
	return func(r *Result) *miss {
		if _, ok := r.world.File(path); ok {
			return missed(nil, "want no file %s, there is one", path)
		}
		return nil
	}
}

// FileContains wants the file to contain text in the end.
func FileContains(path, text string) Expectation {
	return func(r *Result) *miss {
		if content, ok := r.world.File(path); !ok || !strings.Contains(content, text) {
			return missed(nil, "want file %s to contain %q, it holds %q", path, text, content)
		}
		return nil
	}
}

// Stdout wants standard output to contain text.
func Stdout(text string) Expectation {
	return func(r *Result) *miss {
		if out := r.world.Stdout(); !strings.Contains(out, text) {
			return missed(nil, "want standard output to contain %q, it is %q", text, out)
		}
		return nil
	}
}

// Stderr wants standard error to contain text.
func Stderr(text string) Expectation {
	return func(r *Result) *miss {
		if out := r.world.Stderr(); !strings.Contains(out, text) {
			return missed(nil, "want standard error to contain %q, it is %q", text, out)
		}
		return nil
	}
}

// Notifies wants the supervisor to have received exactly these states.
func Notifies(states ...string) Expectation {
	return func(r *Result) *miss {
		if got := r.world.sim.Machine.Supervisor.Notified(); fmt.Sprint(got) != fmt.Sprint(states) {
			return missed(func(e timeline.Entry) bool { return e.Kind == timeline.Notify }, "want notifications %q, got %q", states, got)
		}
		return nil
	}
}

// AnyOf wants everything in at least one of the lists; what is missing of the
// first one is reported.
func AnyOf(lists ...Want) Expectation {
	return func(r *Result) *miss {
		var first *miss
		for _, list := range lists {
			var missing *miss
			for _, e := range list {
				if missing = e(r); missing != nil {
					break
				}
			}
			if missing == nil {
				return nil
			}
			if first == nil {
				first = missing
			}
		}
		return first
	}
}

// Check wants check to return nil; its error is reported.
func Check(what string, check func(r *Result) error) Expectation {
	return func(r *Result) *miss {
		if err := check(r); err != nil {
			return missed(nil, "want %s: %v", what, err)
		}
		return nil
	}
}
