package daemontest

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// Want is what must be true when a scenario is over.
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

func missed(mark func(entry) bool, format string, args ...any) *miss {
	return &miss{fmt.Sprintf(format, args...), mark}
}

// count is how many entries of the scenario's daemon is(e) holds for.
func (r *Result) count(is func(entry) bool) (n int) {
	t := r.world.trace
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range t.entries.len() {
		if is(*t.entries.at(i)) {
			n++
		}
	}
	return n
}

func (r *Result) wantCount(want int, what string, is func(entry) bool) *miss {
	if got := r.count(is); got != want {
		return missed(is, "want %d %s, got %d", want, what, got)
	}
	return nil
}

func isExecute(e entry) bool { return e.kind == entryExecute }

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
		return r.wantCount(n, "overruns", func(e entry) bool {
			return isExecute(e) && e.overran()
		})
	}
}

// MissedTicks wants n missed ticks to have been counted in the end, by all
// processes together.
func MissedTicks(n int64) Expectation {
	return func(r *Result) *miss {
		var got int64
		for _, p := range r.world.all() {
			if p.isDaemon() {
				got += p.daemon.Load().Stats().Missed
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
		return r.wantCount(n, "failed iterations", func(e entry) bool { return isExecute(e) && e.failed })
	}
}

// Restarts wants n restarts in place.
func Restarts(n int) Expectation {
	return func(r *Result) *miss {
		return r.wantCount(n, "restarts", func(e entry) bool { return e.kind == entryExec })
	}
}

func logs(text string) func(entry) bool {
	return func(e entry) bool { return e.kind == entryLog && strings.Contains(e.text, text) }
}

// Logs wants at least one log message that contains text.
func Logs(text string) Expectation {
	return func(r *Result) *miss {
		if r.count(logs(text)) == 0 {
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
		r.count(func(e entry) bool {
			if e.kind == entryLog {
				last = e.text
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
		return r.wantCount(n, "mails", func(e entry) bool { return e.kind == entryMail })
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
		return missed(func(e entry) bool { return e.kind == entryMail }, "want a mail that contains %q, there is none", text)
	}
}

// Exit wants the daemon to end with this exit status.
func Exit(code int) Expectation {
	return func(r *Result) *miss {
		p := r.world.main()
		if p.code != code || p.killedBy != nil {
			return missed(func(e entry) bool { return e.kind == entryEnd }, "want exit status %d, got: %s", code, p.how())
		}
		return nil
	}
}

// ExitOf wants the first process that was started with these arguments to end
// with this exit status: a launcher, or the program that a Command ran.
func ExitOf(args string, code int) Expectation {
	return func(r *Result) *miss {
		for _, p := range r.world.all() {
			if !slices.Equal(p.args, strings.Fields(args)) {
				continue
			}
			if p.code != code || p.killedBy != nil {
				return missed(func(e entry) bool { return e.p == p && e.kind == entryEnd }, "want %q to end with exit status %d, got: %s", args, code, p.how())
			}
			return nil
		}
		return missed(nil, "want %q to end with exit status %d, but nobody ran it", args, code)
	}
}

// Killed wants a daemon to have been killed by a signal.
func Killed() Expectation {
	return func(r *Result) *miss {
		for _, p := range r.world.all() {
			if p.isDaemon() && p.killedBy != nil {
				return nil
			}
		}
		return missed(func(e entry) bool { return e.kind == entryEnd }, "want the daemon to be killed, got: %s", r.world.main().how())
	}
}

// EndsAt wants the daemon to end at this time, rounded to milliseconds.
func EndsAt(at time.Duration) Expectation {
	return func(r *Result) *miss {
		if got := r.Ended().Round(time.Millisecond); got != at {
			p := r.world.main()
			is := func(e entry) bool { return e.kind == entryEnd && e.p == p }
			return missed(is, "want the daemon to end at %s, got %s", at, got)
		}
		return nil
	}
}

// LockReleased wants no lock to be held in the end.
func LockReleased() Expectation {
	return func(r *Result) *miss {
		if held := r.world.kept; len(held) > 0 {
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

// Notifies wants the supervisor to have been told exactly these states.
func Notifies(states ...string) Expectation {
	return func(r *Result) *miss {
		r.world.mu.Lock()
		defer r.world.mu.Unlock()
		if got := r.world.notified; fmt.Sprint(got) != fmt.Sprint(states) {
			return missed(func(e entry) bool { return e.kind == entryNotify }, "want notifications %q, got %q", states, got)
		}
		return nil
	}
}

// AnyOf wants everything in at least one of the lists; what is missing of the
// first one is told.
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

// Check wants whatever check wants; its error is told.
func Check(what string, check func(r *Result) error) Expectation {
	return func(r *Result) *miss {
		if err := check(r); err != nil {
			return missed(nil, "want %s: %v", what, err)
		}
		return nil
	}
}

// Golden wants the timeline to be that of testdata/name.golden. The flag
// -daemontest.update rewrites the file; look at the difference as at code.
func Golden(name string) Expectation {
	return func(r *Result) *miss {
		path := filepath.Join("testdata", name+".golden")
		got := r.Timeline()
		if *updateFlag {
			if err := os.MkdirAll("testdata", 0o755); err != nil {
				return missed(nil, "golden timeline: %v", err)
			}
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				return missed(nil, "golden timeline: %v", err)
			}
			return nil
		}
		want, err := os.ReadFile(path)
		if err != nil {
			return missed(nil, "golden timeline: %v; run the test with -daemontest.update to write it", err)
		}
		if string(want) != got {
			return missed(nil, "the timeline is not that of %s; the first difference is in\n%s\nRun the test with -daemontest.update if it should be as it is now.", path, divergence(string(want), got))
		}
		return nil
	}
}
