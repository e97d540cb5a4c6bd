package explore

import (
	"cmp"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/evertick/evertick/clockwork"
)

// Lives returns a generator of lives. Whatever it draws first is the simplest,
// so that a failure shrinks to a short life.
func Lives() *rapid.Generator[Life] { return rapid.Custom(draw) }

func draw(t *rapid.T) Life {
	d := drawer{t}
	l := Life{
		Seed:             uint64(d.number(0, 7, "seed")) + 1,
		Detached:         !d.seldom("foreground"),
		PIDFile:          d.often("PID file"),
		Interval:         pick(d, "interval", time.Second, 0, 250*time.Millisecond, 5*time.Second),
		IterationTimeout: pick(d, "iteration time-out", 0, 3*time.Second, 5*time.Second, time.Second),
		ShutdownTimeout:  pick(d, "shutdown time-out", 0, 2*time.Second, 5*time.Second, 30*time.Second),
		MaxFailures:      pick(d, "failures", 0, 2, 3),
		MaxRestarts:      pick(d, "restarts", 0, 1, 20),
		Lock:             pick(d, "lock", NoLock, File, Leased, Leased),
	}
	if !l.Detached {
		l.Supervised = d.often("supervised")
	} else {
		l.Unwatched = d.seldom("unwatched")
	}
	if l.Interval > 0 {
		l.Missed = pick(d, "missed ticks", clockwork.Coalesce, clockwork.Skip, clockwork.CatchUp)
	}
	if l.Lock == Leased {
		l.TTL = pick(d, "TTL", 5*time.Second, 20*time.Second, 2*time.Second)
	}
	if l.Lock != NoLock {
		l.Standby = d.often("standby")
	}
	l.Execute = pick(d, "execute", 0, 10*time.Millisecond, 200*time.Millisecond, 950*time.Millisecond, 1500*time.Millisecond)
	if l.Interval == 0 {
		l.Execute = max(l.Execute, 100*time.Millisecond) // or no time would pass
	}
	l.Iterations = d.iterations(&l)
	l.Functions = d.functions()
	l.Steps = d.steps(&l)
	d.children(&l)
	d.outlivedTrial(&l)
	return l
}

type drawer struct{ t *rapid.T }

func (d drawer) number(from, to int, name string) int {
	return rapid.IntRange(from, to).Draw(d.t, name)
}
func (d drawer) often(name string) bool  { return d.number(0, 2, name) > 0 }
func (d drawer) seldom(name string) bool { return d.number(0, 9, name) == 9 }

func pick[T any](d drawer, name string, from ...T) T {
	return rapid.SampledFrom(from).Draw(d.t, name)
}

// spans are durations that functions take.
var spans = []time.Duration{
	time.Millisecond, 100 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second, 6 * time.Second, 12 * time.Second, 30 * time.Second,
}

func (d drawer) iterations(l *Life) (all []Iteration) {
	deeds := []Deed{Takes, Fails, Sleeps, Hangs, Panics, Fatals, Goexits, Waits, Stops, Restarts}
	for n := int64(0); len(all) < 6 && d.number(0, 4, "another iteration") > 1; {
		n += int64(pick(d, "iteration", 1, 2, 3, 5, 10, 15))
		i := Iteration{N: n, Does: pick(d, "iteration does", deeds...)}
		if i.Does == Takes || i.Does == Sleeps {
			i.For = d.span(l, "iteration takes")
		}
		all = append(all, i)
	}
	return all
}

// span is a duration that a function takes: an even one, or one that ends with a
// time-out.
func (d drawer) span(l *Life, name string) time.Duration {
	if d.often(name + " an even time") {
		return pick(d, name, spans...)
	}
	return max(time.Millisecond, d.delay(l, name))
}

func (d drawer) functions() (all []Function) {
	for len(all) < 4 && d.number(0, 4, "another function") > 2 {
		f := Function{
			At:   pick(d, "function", Teardown, Setup, PreExecute, PostExecute, Idle, OnSignal, Init, OnRestart, Check, Check, WarmUp, WarmUp),
			Call: int64(pick(d, "call", 1, 2, 3, 0)),
			Does: pick(d, "function does", Sleeps, Takes, Fails, Panics, Goexits, Hangs, Waits, Restarts, Stops),
		}
		if f.Does == Takes || f.Does == Sleeps {
			f.For = pick(d, "function takes", spans...)
			if f.Call == 0 {
				f.For = min(f.For, 4*time.Second)
			}
		}
		if f.At == Check && (f.Does == Goexits || f.Does == Waits) {
			f.Does = Fails // a trial's check runs in the goroutine of main, without an end of its context
		}
		// A daemon that never gets as far as its loop shows little.
		if f.Call == 0 && f.Does != Sleeps && f.Does != Takes {
			f.Call = 2
		}
		all = append(all, f)
	}
	return all
}

// actions are what may happen in a life: of everything, or of what belongs
// together, because what meets often finds more.
func (d drawer) actions(l *Life) []Action {
	themes := [][]Action{
		{
			Hup, Usr1, Term, BinaryLost, BinaryBroken, BinaryHangs, BinaryBack, MailDown, MailSlow, MailBack,
			DiskFull, DiskFree, Halt, Cont, WallClock, NoLogFile, Kill, Int,
		},
		{Hup, Hup, BinaryLost, BinaryBroken, BinaryHangs, BinaryBack, Usr1},
		{Hup, Term, Usr1, Int, BinaryLost, MailSlow, Cont},
	}
	if l.Lock != NoLock {
		themes[0] = append(themes[0], LockFreed, LockOutage, LockBack, LockSlow, LockStolen, RunSecond)
		themes = append(themes,
			[]Action{LockFreed, LockOutage, LockBack, LockSlow, LockStolen, RunSecond, Halt, Cont},
			[]Action{Hup, LockFreed, LockOutage, LockBack, LockSlow, BinaryLost, BinaryHangs, BinaryBack},
			[]Action{Hup, LockFreed, BinaryLost, RunSecond, Halt, Cont, Kill},
			[]Action{Hup, BinaryHangs, BinaryLost, LockFreed, LockSlow}) // a trial that outlives the lock
	}
	if l.Lock == Leased {
		faults := []Action{LockLost, LockAnswers, LockPaused, LockResumed, LockBlind, LockClock, Suspended}
		themes[0] = append(themes[0], faults...)
		themes = append(themes,
			append(faults, RunSecond, Kill),
			append(faults, RunSecond, Hup, LockFreed, LockOutage, LockBack, BinaryLost, BinaryBack))
	}
	if l.watched() {
		faults := []Action{KillWatcher, HaltWatcher, ContWatcher, NoWatchers, WatchersBack, Crash}
		themes[0] = append(themes[0], faults...)
		themes = append(themes, append(faults, Kill, Kill, Hup, Term, RunSecond, BinaryLost, BinaryBroken, BinaryBack))
	}
	if l.PIDFile {
		themes[0] = append(themes[0], SendRestart, SendDump, SendStop, RunSecond, NoPIDFile)
	}
	return pick(d, "theme", themes...)
}

func (d drawer) steps(l *Life) (all []Step) {
	actions := d.actions(l)
	var last time.Duration
	if l.Standby && d.number(0, 3, "held at the start") == 3 {
		all = append(all, Step{Does: LockStolen})
	}
	for len(all) < 12 && d.number(0, 9, "another step") > 1 {
		s := Step{At: d.instant(l, last), Does: pick(d, "step", actions...)}
		last = s.At
		switch s.Does {
		case LockSlow, MailSlow:
			s.For = pick(d, "slow", time.Second, 100*time.Millisecond, 4*time.Second, 6*time.Second, 0)
		case LockClock:
			s.For = pick(d, "lock store's clock", l.TTL, -l.TTL)
		case Suspended:
			s.For = pick(d, "suspended", l.TTL, l.TTL/5, l.TTL-l.TTL/4, time.Hour)
		case WallClock:
			s.For = pick(d, "wall clock", time.Hour, -time.Hour, time.Second)
		default:
		}
		s.Any = d.seldom("in any order")
		all = append(all, s)
	}
	sortSteps(all)
	return all
}

// children draws what the life forks.
func (d drawer) children(l *Life) {
	for len(l.Forks) < 3 && d.number(0, 4, "another fork") > 2 {
		f := Fork{
			At:   pick(d, "forks in", PreExecute, PreExecute, PreExecute, Setup, Teardown, OnRestart),
			Many: pick(d, "children", 1, 2, 5),
			Does: pick(d, "child does", childDeeds...),
			As:   pick(d, "child is", Plain, Outliving, Called),
		}
		if f.At == PreExecute {
			f.N = int64(pick(d, "forks in iteration", 1, 2, 3, 5, 10))
		}
		if f.Does == Takes || f.Does == Sleeps {
			f.For = d.span(l, "child takes")
		}
		l.Forks = append(l.Forks, f)
	}
	if len(l.Forks) == 0 {
		return
	}
	l.MaxChildren = pick(d, "children at once", 0, 1, 3)
	l.QueueChildren = d.often("children are queued")
	l.ChildTimeout = pick(d, "child's time-out", 0, 4*time.Second, time.Second)
	if d.seldom("children are killed") {
		at := Step{At: d.instant(l, 0), Does: KillChildren}
		l.Steps = append(l.Steps, at)
		sortSteps(l.Steps)
	}
}

// outlivedTrial draws, sometimes, a trial that takes its time, and a lock that is
// lost meanwhile: its outcome may find the daemon at anything, should exec fail.
func (d drawer) outlivedTrial(l *Life) {
	if l.Lock == NoLock || d.number(0, 4, "a trial outlives the lock") < 4 {
		return
	}
	trial := pick(d, "trial takes", time.Second, 2*time.Second, 4*time.Second)
	l.Functions = append(l.Functions, Function{At: Check, Does: Sleeps, For: trial})
	at := d.instant(l, 0)
	if d.often("the trial is refused") { // the first call was the start's
		l.Functions = append(l.Functions, Function{At: Check, Call: 2, Does: Fails})
	}
	lost := at + pick(d, "lock is lost after", 100*time.Millisecond, 300*time.Millisecond, time.Second, trial+500*time.Millisecond)
	l.Steps = append(l.Steps, Step{At: at, Does: Hup}, Step{At: lost, Does: BinaryLost}, Step{At: lost, Does: LockFreed})
	takes := pick(d, "what is slow takes", spans[2:len(spans)-2]...)
	if l.Lock == Leased && d.often("the lock is slow") { // from when the loss is noticed, and a teardown begins that outlasts that
		noticed := lost.Truncate(l.TTL/5) + l.TTL/5 + 50*time.Millisecond
		l.Steps = append(l.Steps, Step{At: noticed, Does: LockSlow, For: takes})
		l.Functions = append(l.Functions, Function{At: Teardown, Does: Sleeps, For: spans[1]})
	} else {
		l.Functions = append(l.Functions, Function{At: pick(d, "what is slow", Setup, Teardown), Does: Sleeps, For: takes})
	}
	sortSteps(l.Steps)
}

func sortSteps(all []Step) {
	slices.SortStableFunc(all, func(a, b Step) int { return cmp.Compare(a.At, b.At) })
}

// mostSteps is when the last step happens at the latest.
const mostSteps = 60 * time.Second

// instant is when a step happens: where ties are to be found, or anywhere.
func (d drawer) instant(l *Life, last time.Duration) time.Duration {
	var at time.Duration
	switch d.number(0, 5, "instant") {
	case 0, 1: // some time after the step before
		at = last + d.delay(l, "delay")
	case 2, 3: // at a tick
		at = time.Duration(d.number(0, 40, "tick")) * max(l.Interval, 500*time.Millisecond)
	case 4: // at the same time as the step before
		at = last
	default:
		at = time.Duration(d.number(0, 40_000, "milliseconds")) * time.Millisecond
	}
	at += pick(d, "offset", 0, 0, 500*time.Millisecond, time.Millisecond, -time.Millisecond, 20*time.Millisecond)
	return min(max(at, 0), mostSteps)
}

// delay is one of the times that mean something to the daemon.
func (d drawer) delay(l *Life, name string) time.Duration {
	return pick(d, name,
		time.Second, 20*time.Millisecond, 100*time.Microsecond, 250*time.Millisecond, 500*time.Millisecond,
		2*time.Second, trialTimeout, 10*time.Second,
		l.shutdownTimeout(), l.shutdownTimeout()+grace, l.Interval,
		l.IterationTimeout, l.IterationTimeout+grace, l.TTL/5, l.TTL-l.TTL/4, l.TTL)
}
