package core_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/daemontest"
	"github.com/evertick/evertick/lock"
)

// second is the command line of another instance.
const second = "-v"

func standbySteps(steps ...daemontest.Step) daemontest.Steps {
	return append(daemontest.Steps{at(1.1, daemontest.Command(second))}, steps...)
}

// A standby takes over within 100 ms of a clean stop, where the lock tells that
// it is free.
func TestAStandbyTakesOverAtOnceAfterACleanStop(t *testing.T) {
	for name, c := range map[string]struct {
		declare daemontest.NewFunc
		latest  float64
	}{
		"a lock that tells":      {leased(core.Standby()), 0.1},
		"a lock file":            {equipped(core.Standby()), 0.1},
		"a lock that is polled":  {muted(core.Standby()), 0.3},
		"a lock of a test's own": {equipped(core.WithLock(daemontest.Leased("memcached://h/x", time.Hour)), core.Standby()), 0.1},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, c.declare, daemontest.Scenario{
				Execute: daemontest.Instantly(),
				Steps:   standbySteps(stopAt(60.3), at(62.5, daemontest.SignalTo(second, sigterm))),
				Orders:  5,
				Want: daemontest.Want{
					daemontest.Exit(0), daemontest.ExitOf(second, 0), daemontest.LogsTimes("Standing by.", 1),
					noStartBetween(60.001, 60.3), startsBetween(60.3, 60.3+c.latest), daemontest.LockReleased(),
				},
			})
		})
	}
}

// After SIGKILL a standby waits for the end of the lease, and no longer.
func TestAStandbyTakesOverWhenADeadHoldersLeaseHasEnded(t *testing.T) {
	play(t, leased(core.Standby()), daemontest.Scenario{
		Execute: daemontest.Instantly(),
		Steps:   standbySteps(at(20.1, kill), at(27.5, daemontest.SignalTo(second, sigterm))),
		Want: daemontest.Want{
			daemontest.Killed(), daemontest.ExitOf(second, 0), noStartBetween(20.1, 23.9), startsBetween(24, 24.3), daemontest.LockReleased(),
		},
	})
}

// Of many standbys that are told at once one takes over; all the others go on
// waiting.
func TestOfManyStandbysOneTakesOver(t *testing.T) {
	var steps daemontest.Steps
	for n := range 9 {
		steps = append(steps, at(0.1, daemontest.Command(fmt.Sprintf("-p %d.pid", n))))
	}
	var rest []daemontest.Action
	for n := range 9 {
		rest = append(rest, daemontest.SignalTo(fmt.Sprintf("-p %d.pid", n), sigterm))
	}
	play(t, leased(core.Standby()), daemontest.Scenario{
		Execute: daemontest.Instantly(),
		Steps:   append(steps, stopAt(10.5), at(12, rest...)),
		Want: daemontest.Want{
			daemontest.Exit(0), startsBetween(10.5, 10.6), startsOf(11+2, 11+2), daemontest.LogsTimes("Application Startup", 2), daemontest.LockReleased(),
		},
	})
}

// A launcher and a supervisor are told of a standby as of a daemon that has
// started, and what takes over says so again.
func TestAStandbyIsReadyToASupervisor(t *testing.T) {
	play(t, leased(core.Standby()), daemontest.Scenario{
		Supervised: true,
		Execute:    daemontest.Instantly(),
		Held:       []string{leaseURL},
		Steps:      daemontest.Steps{at(2, usr1), at(3, daemontest.FreeLock(leaseURL)), stopAt(4.5)},
		Want: daemontest.Want{
			daemontest.Notifies(
				"READY=1\nSTATUS=Standing by: lock memory:poller is held by poller, PID 4711 on otherhost, since 2025-12-31 23:59:00",
				"READY=1\nSTATUS=Running", "STOPPING=1"),
			daemontest.Logs("Lock:              waited for: lock memory:poller is held by poller, PID 4711"),
			startsBetween(3, 3.1), daemontest.Exit(0), daemontest.LockReleased(),
		},
	})
}

// A standby waits for a lock that nobody answers for, from its start on: it is told
// as standing by, and can be dumped, restarted and stopped. Without Standby that is
// an error.
func TestAStandbyWaitsForALockOutOfReach(t *testing.T) {
	const unreachable = "Warning: standing by, because the lock cannot be asked for: lock: take memory:poller: boom"
	out := daemontest.At(0, daemontest.LockOutage(errBoom))
	play(t, leased(core.Standby()), daemontest.Scenario{
		Args:    "-d",
		Execute: daemontest.Instantly(),
		Steps:   daemontest.Steps{out, at(3, hup), at(4, usr1), at(20, daemontest.LockOutage(nil)), stopAt(22.5)},
		Want: daemontest.Want{
			daemontest.ExitOf("-d", 0), daemontest.Stdout("poller: running as PID 101\nstanding by: lock: take memory:poller: boom"),
			daemontest.Logs("Lock:              waited for: lock: take memory:poller: boom"), daemontest.Restarts(1),
			noStartBetween(-1, 20), startsBetween(20, 20.4), daemontest.Exit(0), daemontest.LockReleased(),
		},
	})
	play(t, leased(core.Standby()), daemontest.Scenario{
		Supervised: true,
		Steps:      daemontest.Steps{out, stopAt(2)},
		Want: daemontest.Want{
			daemontest.Notifies("READY=1\nSTATUS=Standing by: lock: take memory:poller: boom", "STOPPING=1"),
			daemontest.LogsTimes(unreachable, 1), daemontest.NeverReady(), endsAt(2), daemontest.Exit(0),
		},
	})
	play(t, leased(), daemontest.Scenario{
		Steps: daemontest.Steps{out},
		Want:  daemontest.Want{daemontest.Exit(1), endsAt(0), daemontest.Stderr("poller: lock: take memory:poller: boom")},
	})
}

// refuses is a lock that can be checked for, or taken, with that error.
type refuses struct {
	lock.Locker
	check, take error
}

func (refuses) InMemory() {}

func (l refuses) Check() error { return l.check }

func (l refuses) Acquire(context.Context, lock.Owner) (lock.Lease, error) { return nil, l.take }

// What does not end by itself, such as a wrong password, ends a standby's start; and
// what a check says of a lock out of reach ends that of others.
func TestWhatAStandbyDoesNotWaitFor(t *testing.T) {
	out := lock.Unreachable(errBoom)
	for name, c := range map[string]struct {
		lock    refuses
		standby bool
		waits   bool
	}{
		"a standby's lock is refused":              {refuses{take: errBoom}, true, false},
		"a standby's lock is declared wrongly":     {refuses{check: errBoom, take: out}, true, false},
		"a standby's lock is out of reach":         {refuses{check: out, take: out}, true, true},
		"a lock is out of reach, and no standby's": {refuses{check: out, take: out}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			c.lock.Locker = held("x").Lock("x", 0)
			options := []core.Option{core.WithLock(c.lock)}
			if c.standby {
				options = append(options, core.Standby())
			}
			s := daemontest.Scenario{Want: daemontest.Want{daemontest.Exit(1), daemontest.NeverReady(), endsAt(0), daemontest.Stderr("boom")}}
			if c.waits {
				s = daemontest.Scenario{Steps: daemontest.Steps{stopAt(5)}, Want: daemontest.Want{daemontest.Exit(0), daemontest.NeverReady(), endsAt(5)}}
			}
			play(t, equipped(options...), s)
		})
	}
}

// deaf is a lock whose Wait has a mind of its own.
type deaf struct {
	lock.Locker
	wait func(ctx context.Context) error
	asks *atomic.Int64
}

func (deaf) InMemory() {}

func (l deaf) Wait(ctx context.Context) error { return l.wait(ctx) }

func (l deaf) Acquire(ctx context.Context, who lock.Owner) (lock.Lease, error) {
	l.asks.Add(1)
	return l.Locker.Acquire(ctx, who)
}

// Whatever a lock's Wait does, a standby asks several times a second at most,
// takes over in the end, and goes at once when it is told to.
func TestAStandbyTrustsNoWait(t *testing.T) {
	broken := errors.New("the watch was cancelled")
	for name, c := range map[string]struct {
		wait        func(ctx context.Context) error
		least, most int // attempts in 10 s
		latest      float64
		logs        daemontest.Expectation
	}{
		"returns at once": {func(context.Context) error { return nil }, 20, 90, 0.3, daemontest.NoLog("cannot tell")},
		"fails":           {func(context.Context) error { return broken }, 30, 50, 0.3, daemontest.LogsTimes("the watch was cancelled", 1)},
		"panics":          {func(context.Context) error { panic("nil map") }, 30, 50, 0.3, daemontest.LogsTimes("panic: nil map", 1)},
		"pauses": {func(ctx context.Context) error {
			return clockwork.Sleep(ctx, clockwork.Real(), 2*time.Second)
		}, 5, 7, 2.1, daemontest.NoLog("cannot tell")},
	} {
		t.Run(name, func(t *testing.T) {
			var store *lock.Memory
			var asks atomic.Int64
			declare := func(extra ...core.Option) *core.Daemon {
				store = held("x")
				asks.Store(0)
				return equipped(core.WithLock(deaf{store.Lock("x", 0), c.wait, &asks}), core.Standby())(extra...)
			}
			play(t, declare, daemontest.Scenario{
				Execute: daemontest.Instantly(),
				Steps: daemontest.Steps{
					at(10, daemontest.Do("look", func(w *daemontest.World) {
						if asks := int(asks.Load()); asks < c.least || asks > c.most {
							w.Fail("it has asked %d times", asks)
						}
						store.Evict("x")
					})),
					stopAt(14.5),
				},
				Want: daemontest.Want{startsBetween(10, 10+c.latest), c.logs, daemontest.Exit(0), daemontest.LockReleased()},
			})
		})
	}
}

// mute is a lock that is no lock.Waiter.
type mute struct{ lock.Locker }

func (mute) InMemory() {}

// muted declares a daemon whose lock is one.
func muted(options ...core.Option) daemontest.NewFunc {
	l := mute{lock.NewMemory(clockwork.Real()).Lock("x", 0)}
	return equipped(append(options, core.WithLock(l))...)
}

// held returns a store whose lock of that name somebody holds for ever.
func held(name string) *lock.Memory {
	store := lock.NewMemory(clockwork.Real())
	store.Steal(name, lock.Owner{Name: "other", PID: 1, Host: "h"}, 0)
	return store
}

// SIGTERM ends a standby at once, and SIGHUP restarts it, also where Wait
// ignores its context.
func TestAStandbyIsFreeToGo(t *testing.T) {
	ignores := func(context.Context) error { time.Sleep(time.Minute); return nil }
	for name, as := range map[string]func(lock.Locker) lock.Locker{
		"a Wait that ignores its context": func(l lock.Locker) lock.Locker { return deaf{l, ignores, new(atomic.Int64)} },
		"a Wait that obeys it":            func(l lock.Locker) lock.Locker { return l },
		"no Wait":                         func(l lock.Locker) lock.Locker { return mute{l} },
	} {
		t.Run(name, func(t *testing.T) {
			declare := func(extra ...core.Option) *core.Daemon {
				return equipped(core.WithLock(as(held("x").Lock("x", 0))), core.Standby())(extra...)
			}
			play(t, declare, daemontest.Scenario{
				Execute: daemontest.Instantly(),
				Steps:   daemontest.Steps{at(5, hup), stopAt(10)},
				Want: daemontest.Want{
					daemontest.Restarts(1), daemontest.LogsTimes("Standing by.", 2), endsAt(10), daemontest.NeverReady(), daemontest.Exit(0),
				},
			})
		})
	}
}

// A supervisor starts a daemon again that was killed: its own dead lease is
// waited out, and that is no other instance.
func TestOnesOwnDeadLeaseIsWaitedOut(t *testing.T) {
	for name, args := range map[string]string{"in the foreground": "-v -p poller.pid", "detached": "-d -p poller.pid"} {
		t.Run(name, func(t *testing.T) {
			play(t, leased(), daemontest.Scenario{
				Args:    "-p poller.pid",
				Execute: daemontest.Instantly(),
				Steps:   daemontest.Steps{at(10.5, kill), at(11, daemontest.Command(args)), at(16.5, daemontest.SignalTo(args, sigterm))},
				Want: daemontest.Want{
					daemontest.Killed(), daemontest.Of(args, daemontest.Exit(0)),
					daemontest.Logs("which no longer lives"), daemontest.NoLog("Lock Detected"),
					noStartBetween(10.5, 14.3), startsBetween(14.4, 14.5), daemontest.LockReleased(), daemontest.NoFile(pidPath),
				},
			})
		})
	}
}

// The same for a lock that cannot tell when it is free: TTL and one poll.
func TestOnesOwnDeadLeaseIsPolledFor(t *testing.T) {
	play(t, leased(), daemontest.Scenario{
		Execute: daemontest.Instantly(),
		Steps: daemontest.Steps{
			at(0, daemontest.LockUnwatched(errBoom)), at(10.5, kill), at(11, daemontest.Command(second)), at(17.5, daemontest.SignalTo(second, sigterm)),
		},
		Want: daemontest.Want{
			daemontest.Killed(), daemontest.Of(second, daemontest.Exit(0)), noStartBetween(10.5, 14.3), startsBetween(14.4, 14.7), daemontest.LockReleased(),
		},
	})
}

// Who takes the dead lease's lock in the meantime is another instance.
func TestAnotherInstanceThatComesFirstIsNoDeadLease(t *testing.T) {
	play(t, leased(), daemontest.Scenario{
		Execute: daemontest.Instantly(),
		Steps: daemontest.Steps{
			at(10.5, kill), at(11, daemontest.Command(second)), at(12, daemontest.FreeLock(leaseURL), daemontest.StealLock(leaseURL)),
		},
		Want: daemontest.Want{
			daemontest.Killed(), daemontest.Of(second, daemontest.Exit(0), daemontest.NeverReady()), daemontest.Logs("Waiting up to 4s"),
			daemontest.Logs("Shutting Down: Lock Detected. Details: lock memory:poller is held by poller, PID 4711 on otherhost"),
			daemontest.Check("an end within 100 ms", func(r *daemontest.Result) error {
				if at := r.World().Now(); at > seconds(12.1)[0] {
					return fmt.Errorf("it ended at %s", at)
				}
				return nil
			}),
		},
	})
}

// A live holder's lease is not waited for, nor a dead one's on another host, nor
// one that does not end by time.
func TestNoOtherLeaseIsWaitedOut(t *testing.T) {
	for name, c := range map[string]struct {
		declare daemontest.NewFunc
		held    []string
	}{
		"another host": {leased(), []string{leaseURL}},
		"no TTL":       {equipped(), []string{lockURL}},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, c.declare, daemontest.Scenario{
				Held: c.held,
				Want: daemontest.Want{daemontest.Exit(0), daemontest.NeverReady(), daemontest.Logs("Lock Detected"), daemontest.NoLog("Waiting"), endsBy(0.1)},
			})
		})
	}
	play(t, leased(), daemontest.Scenario{
		Execute: daemontest.Instantly(),
		Steps:   daemontest.Steps{at(5, daemontest.Command(second)), stopAt(8)},
		Want: daemontest.Want{
			daemontest.Exit(0), daemontest.Of(second, daemontest.Exit(0), daemontest.NeverReady()), daemontest.NoLog("Waiting up to"), daemontest.LockReleased(),
		},
	})
}

// endsBy wants the daemon to have ended by then.
func endsBy(s float64) daemontest.Expectation {
	return daemontest.Check(fmt.Sprintf("the end by %gs", s), func(r *daemontest.Result) error {
		if r.Ended() > seconds(s)[0] {
			return fmt.Errorf("it ended at %s", r.Ended())
		}
		return nil
	})
}

// A dead lease is waited out no longer than it can live on: whatever holds the
// lock then is alive.
func TestADeadLeaseThatLivesOnIsAnotherInstance(t *testing.T) {
	play(t, leased(), daemontest.Scenario{
		Execute: daemontest.Instantly(),
		Steps: daemontest.Steps{
			at(10.5, kill), at(11, daemontest.Command(second)), at(13, daemontest.StepLockClock(-time.Hour)),
		},
		Want: daemontest.Want{
			daemontest.Killed(), daemontest.Of(second, daemontest.Exit(0)), daemontest.Logs("Waiting up to 4s"), daemontest.Logs("Lock Detected"),
			noStartBetween(10.5, 1000),
		},
	})
}

// Execute can ask for the lease: whose it is, since when, and until when it is
// safe. A restart keeps owner and token.
func TestExecuteKnowsItsLease(t *testing.T) {
	var after core.Lease
	execute := func(_ context.Context, d *core.Daemon) error {
		l, now := d.Lease(), d.Clock().Now()
		d.Logf("token %d, PID %d on %s since %s: %s; safe for %s", l.Token, l.Owner.PID, l.Owner.Host,
			l.Owner.Since.UTC().Format(time.TimeOnly), l.Owner.Command, l.Deadline.Sub(now).Round(100*time.Millisecond))
		return nil
	}
	play(t, leased(core.Execute(execute), core.Teardown(func(_ context.Context, d *core.Daemon) error {
		after = d.Lease()
		return nil
	})), daemontest.Scenario{
		Args:  "-v -p poller.pid",
		Steps: daemontest.Steps{at(2.5, hup), stopAt(4.5)},
		Want: daemontest.Want{
			daemontest.Restarts(1), daemontest.Exit(0), daemontest.LockReleased(),
			daemontest.Logs("token 1, PID 100 on testhost since 00:00:00: /usr/sbin/daemon -v -p poller.pid; safe for 3s"),
			daemontest.LogsTimes("token 1, PID 100 on testhost since 00:00:00: /usr/sbin/daemon -v -p poller.pid; safe for 2.8s", 1), // renewed at 0.8 s
			daemontest.LogsTimes("token 1, PID 100 on testhost since 00:00:00", 5), daemontest.NoLog("Error: "), daemontest.NoFile(pidPath),
		},
	})
	if after.Owner.PID != 100 || after.Deadline.IsZero() {
		t.Errorf("in teardown the lease is %+v", after)
	}
	play(t, equipped(core.Execute(func(_ context.Context, d *core.Daemon) error {
		if l := d.Lease(); l.Token == 0 || !l.Deadline.IsZero() || l.Owner.Name != "poller" {
			return fmt.Errorf("the lease of a lock file is %+v", l)
		}
		return nil
	})), daemontest.Scenario{Steps: daemontest.Steps{stopAt(0.5)}, Want: daemontest.Want{daemontest.Failures(0)}})
	play(t, poller(core.Execute(func(_ context.Context, d *core.Daemon) error {
		if l := d.Lease(); l != (core.Lease{}) {
			return fmt.Errorf("without a lock the lease is %+v", l)
		}
		return nil
	})), daemontest.Scenario{Args: "-v", Steps: daemontest.Steps{stopAt(0.5)}, Want: daemontest.Want{daemontest.Failures(0), daemontest.LogsTimes("No Lock: several instances can run at once", 1)}})
}

// That several instances can run is said once, and not where it is meant.
func TestADaemonWithoutALockSaysSo(t *testing.T) {
	for name, c := range map[string]struct {
		options []core.Option
		times   int
	}{
		"none":            {nil, 1},
		"nil":             {[]core.Option{core.WithLock(nil)}, 1},
		"none is meant":   {[]core.Option{core.WithLock(lock.Null())}, 0},
		"there is a lock": {[]core.Option{core.WithLock(lock.File("/run/x.lock"))}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, poller(c.options...), daemontest.Scenario{
				Execute: daemontest.Instantly(),
				Steps:   daemontest.Steps{at(1.5, hup), stopAt(2.5)},
				Want: daemontest.Want{
					daemontest.Restarts(1), daemontest.Exit(0), daemontest.LogsTimes("No Lock: several instances can run at once. Give one in the program; null: says that none is wanted", c.times),
				},
			})
		})
	}
}
