// Package clocktest is the test that every clock of Evertick passes: the
// machine's own, one made by clockwork.From, and the fakes of the harness.
//
//	func TestMyClock(t *testing.T) {
//		clocktest.Run(t, clocktest.Subject{
//			New: func(*testing.T) (clockwork.Clock, func(time.Duration)) { return mine, nil },
//			In:  synctest.Test,
//		})
//	}
//
// It asks only for what clockwork.Clock promises. Time is measured in steps of
// a few milliseconds, so that the whole suite takes a fraction of a second on
// a real clock, too.
package clocktest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/evertick/evertick/clockwork"
)

// Subject is the clock to be tested.
type Subject struct {
	// New returns a clock, and how to move its time by hand. A nil advance
	// says that the clock moves by itself.
	New func(t *testing.T) (clock clockwork.Clock, advance func(d time.Duration))

	// In runs each case, as synctest.Test does for a clock that belongs in a
	// bubble. Nil runs it directly.
	In func(t *testing.T, test func(t *testing.T))
}

const (
	// step is the time that the suite's timers take.
	step = 5 * time.Millisecond

	// guard is the longest wait for something that must happen.
	guard = time.Minute
)

// Run tests the subject, each promise of clockwork.Clock and clockwork.Timer
// in a subtest of its own.
func Run(t *testing.T, s Subject) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, s subject)
	}{
		{"Now is monotone", nowIsMonotone},
		{"Wall carries no monotonic reading", wallIsPlain},
		{"Boot grows", bootGrows},
		{"a timer never fires before its time", timerIsNeverEarly},
		{"a timer fires once", timerFiresOnce},
		{"a timer that is due at once fires", timerDueAtOnce},
		{"Stop prevents the timer from firing", stopPrevents},
		{"Stop leaves no stale value", stopLeavesNothing},
		{"Reset moves the timer", resetMoves},
		{"Reset leaves no stale value", resetLeavesNothing},
		{"Sleep takes its time", sleepTakesItsTime},
		{"Sleep ends with its context", sleepEndsWithContext},
		{"WithTimeout ends at its time", timeoutEndsAtItsTime},
		{"WithTimeout ends when cancelled", timeoutEndsWhenCancelled},
	} {
		t.Run(c.name, func(t *testing.T) {
			test := func(t *testing.T) {
				clock, advance := s.New(t)
				c.test(t, subject{clock: clock, advance: advance})
			}
			if s.In == nil {
				test(t)
				return
			}
			s.In(t, test)
		})
	}
}

// subject is a clock, and how to move it where that is done by hand.
type subject struct {
	clock   clockwork.Clock
	advance func(d time.Duration)
}

// pass returns after at least d went by on the clock.
func (s subject) pass(t *testing.T, d time.Duration) {
	t.Helper()
	if s.advance != nil {
		s.advance(d)
		return
	}
	timer := s.clock.NewTimer(d)
	defer timer.Stop()
	receive(t, timer)
}

// receive returns the value of a timer that must fire by itself.
func receive(t *testing.T, timer clockwork.Timer) {
	t.Helper()
	tooLong := time.NewTimer(guard)
	defer tooLong.Stop()
	select {
	case <-timer.C():
	case <-tooLong.C:
		t.Fatal("the timer did not fire")
	}
}

// empty fails when the timer has a value to receive.
func empty(t *testing.T, timer clockwork.Timer, when string) {
	t.Helper()
	select {
	case <-timer.C():
		t.Errorf("%s a value was received", when)
	default:
	}
}

func nowIsMonotone(t *testing.T, s subject) {
	last := s.clock.Now()
	for range 1000 {
		now := s.clock.Now()
		if now.Before(last) {
			t.Fatalf("Now went back by %v", last.Sub(now))
		}
		last = now
	}
	s.pass(t, step)
	if since := s.clock.Now().Sub(last); since < step {
		t.Errorf("Now grew by %v in %v", since, step)
	}
}

func wallIsPlain(t *testing.T, s subject) {
	// Two times are == only if neither has a monotonic reading.
	if wall := s.clock.Wall(); wall != wall.Round(0) {
		t.Errorf("Wall carries a monotonic reading: %v", wall)
	}
	before := s.clock.Wall()
	s.pass(t, step)
	if !s.clock.Wall().After(before) {
		t.Errorf("Wall stands still at %v", before)
	}
}

func bootGrows(t *testing.T, s subject) {
	before := s.clock.Boot()
	s.pass(t, step)
	// The kernel's clocks are read one after the other and may differ in
	// their finest digits.
	if grown := s.clock.Boot() - before; grown < step-time.Millisecond {
		t.Errorf("Boot grew by %v in %v", grown, step)
	}
}

func timerIsNeverEarly(t *testing.T, s subject) {
	for _, d := range []time.Duration{step / 5, step, 2 * step} {
		began := s.clock.Now()
		timer := s.clock.NewTimer(d)
		if s.advance != nil {
			s.advance(d - 1)
			empty(t, timer, "a nanosecond before its time")
			s.advance(1)
		}
		receive(t, timer)
		if took := s.clock.Now().Sub(began); took < d {
			t.Errorf("a timer of %v fired after %v", d, took)
		}
	}
}

func timerFiresOnce(t *testing.T, s subject) {
	timer := s.clock.NewTimer(step)
	s.pass(t, 2*step)
	receive(t, timer)
	s.pass(t, 2*step)
	empty(t, timer, "for the second time")
	if timer.Stop() {
		t.Error("Stop reports that it stopped a timer that had fired")
	}
}

func timerDueAtOnce(t *testing.T, s subject) {
	for _, d := range []time.Duration{0, -step} {
		timer := s.clock.NewTimer(d)
		if s.advance != nil {
			s.advance(1) // a clock moved by hand may fire only when it is moved
		}
		receive(t, timer)
	}
}

func stopPrevents(t *testing.T, s subject) {
	timer := s.clock.NewTimer(time.Hour)
	if !timer.Stop() {
		t.Error("Stop does not report that the timer was running")
	}
	if timer.Stop() {
		t.Error("a second Stop reports that it stopped the timer")
	}
	timer = s.clock.NewTimer(step)
	timer.Stop() // which may come too late on a busy machine
	s.pass(t, 2*step)
	empty(t, timer, "after Stop")
}

func stopLeavesNothing(t *testing.T, s subject) {
	timer := s.clock.NewTimer(step)
	s.pass(t, 2*step)
	timer.Stop()
	empty(t, timer, "after a Stop that came too late")
}

func resetMoves(t *testing.T, s subject) {
	timer := s.clock.NewTimer(time.Hour)
	began := s.clock.Now()
	if !timer.Reset(2 * step) {
		t.Error("Reset does not report that the timer was running")
	}
	if s.advance != nil {
		s.advance(2 * step)
	}
	receive(t, timer)
	if took := s.clock.Now().Sub(began); took < 2*step {
		t.Errorf("a timer reset to %v fired after %v", 2*step, took)
	}

	timer = s.clock.NewTimer(step)
	timer.Reset(time.Hour)
	s.pass(t, 2*step)
	empty(t, timer, "at the time of before the Reset")
	timer.Stop()
}

func resetLeavesNothing(t *testing.T, s subject) {
	timer := s.clock.NewTimer(step)
	s.pass(t, 2*step)
	timer.Reset(time.Hour)
	empty(t, timer, "right after a Reset of a timer that had fired")
	began := s.clock.Now()
	timer.Reset(2 * step)
	if s.advance != nil {
		s.advance(2 * step)
	}
	receive(t, timer)
	if took := s.clock.Now().Sub(began); took < 2*step {
		t.Errorf("a timer reset to %v fired after %v", 2*step, took)
	}
	s.pass(t, step)
	empty(t, timer, "for the second time after one Reset")
}

func sleepTakesItsTime(t *testing.T, s subject) {
	if err := clockwork.Sleep(t.Context(), s.clock, 0); err != nil {
		t.Errorf("Sleep(0) = %v", err)
	}
	if s.advance != nil {
		return // this goroutine cannot move the clock while it sleeps
	}
	began := s.clock.Now()
	if err := clockwork.Sleep(t.Context(), s.clock, step); err != nil {
		t.Errorf("Sleep = %v", err)
	}
	if took := s.clock.Now().Sub(began); took < step {
		t.Errorf("Sleep(%v) took %v", step, took)
	}
}

func sleepEndsWithContext(t *testing.T, s subject) {
	reason := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	slept := make(chan error, 1)
	go func() { slept <- clockwork.Sleep(ctx, s.clock, time.Hour) }()
	cancel(reason)
	tooLong := time.NewTimer(guard)
	defer tooLong.Stop()
	select {
	case err := <-slept:
		if !errors.Is(err, reason) {
			t.Errorf("Sleep = %v, want the context's cause", err)
		}
	case <-tooLong.C:
		t.Error("Sleep outlives its context")
	}
}

func timeoutEndsAtItsTime(t *testing.T, s subject) {
	began := s.clock.Now()
	ctx, cancel := clockwork.WithTimeout(t.Context(), s.clock, step)
	defer cancel()
	if err := ctx.Err(); err != nil && s.clock.Now().Sub(began) < step {
		t.Fatalf("the context is over at once: %v", err)
	}
	if s.advance != nil {
		s.advance(step)
	}
	ends(t, ctx, context.DeadlineExceeded)
	if took := s.clock.Now().Sub(began); took < step {
		t.Errorf("a timeout of %v came after %v", step, took)
	}
}

func timeoutEndsWhenCancelled(t *testing.T, s subject) {
	ctx, cancel := clockwork.WithTimeout(t.Context(), s.clock, time.Hour)
	cancel()
	ends(t, ctx, context.Canceled)

	reason := errors.New("enough")
	parent, end := context.WithCancelCause(t.Context())
	ctx, cancel = clockwork.WithTimeout(parent, s.clock, time.Hour)
	defer cancel()
	end(reason)
	ends(t, ctx, reason)
}

// ends waits for the end of a context, and compares its cause.
func ends(t *testing.T, ctx context.Context, want error) {
	t.Helper()
	tooLong := time.NewTimer(guard)
	defer tooLong.Stop()
	select {
	case <-ctx.Done():
	case <-tooLong.C:
		t.Fatal("the context does not end")
	}
	if cause := context.Cause(ctx); !errors.Is(cause, want) {
		t.Errorf("the context ended by %v, want %v", cause, want)
	}
}
