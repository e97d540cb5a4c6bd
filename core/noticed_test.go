package core_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	benclock "github.com/benbjohnson/clock"
	"github.com/stretchr/testify/assert"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/core/host"
	"github.com/evertick/evertick/daemontest"
	"github.com/evertick/evertick/forker/reexec"
	"github.com/evertick/evertick/lock"
)

// endOutage lets the store answer at once when the lease is lost.
var endOutage = daemontest.AfterLog("Lock Lost", 0, daemontest.LockOutage(nil), daemontest.LockTakes(0))

// lostAt wants the lease to be lost then.
func lostAt(at string) daemontest.Expectation {
	return daemontest.Check("the lease to be lost at "+at, func(r *daemontest.Result) error {
		if !strings.Contains(r.Timeline(), at+"  log: Lock Lost") {
			return errors.New("another time")
		}
		return nil
	})
}

// A lease is safe for as long after the question as it lives, not after the
// answer, which may be late.
func TestARenewalCountsFromItsQuestion(t *testing.T) {
	play(t, leased(core.Every(100*time.Second)), daemontest.Scenario{
		Execute: daemontest.Takes(time.Minute),
		Steps: daemontest.Steps{ // the last renewal is asked for at 4.8 s and answered at 5.5 s
			at(1, daemontest.LockTakes(700*time.Millisecond)), at(5.55, daemontest.LockOutage(errBoom)), endOutage,
		},
		Want: daemontest.Want{daemontest.Logs("could not be renewed in time"), lostAt("00:07.800"), daemontest.Exit(1)},
	})
}

// So does the first one.
func TestANewLeaseCountsFromItsQuestion(t *testing.T) {
	play(t, leased(core.Standby()), daemontest.Scenario{
		Execute: daemontest.Instantly(),
		Held:    []string{leaseURL},
		Steps: daemontest.Steps{ // it is asked for at 3.443 s and answered at 4.143 s
			at(1.1, daemontest.LockTakes(700*time.Millisecond)), at(3, daemontest.FreeLock(leaseURL)),
			daemontest.AfterLog("Application Startup", 0, daemontest.LockOutage(errBoom)), endOutage,
		},
		Want: daemontest.Want{daemontest.Logs("could not be renewed in time"), lostAt("00:06.443"), daemontest.Exit(1)},
	})
}

// An attempt to renew that gets no answer is given up in time for others.
func TestARenewalWithoutAnAnswerIsTriedAgain(t *testing.T) {
	play(t, leased(), daemontest.Scenario{
		Execute: daemontest.Instantly(),
		Steps:   daemontest.Steps{at(5, daemontest.LockTakes(time.Hour)), at(6.9, daemontest.LockTakes(0)), stopAt(12.5)},
		Want: daemontest.Want{
			daemontest.LogsTimes("Warning: the lock could not be renewed", 1), daemontest.NoLog("Lock Lost"), daemontest.Iterations(13), daemontest.Exit(0),
		},
	})
}

// noted is a lock that notes when it is renewed.
type noted struct {
	lock.Locker
	renewals *renewals
}

type notedLease struct {
	lock.Lease
	renewals *renewals
}

// renewals are when leases were renewed.
type renewals struct {
	mu sync.Mutex // held for instants only
	at []time.Duration
}

func (r *renewals) note() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.at = append(r.at, time.Since(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)).Round(time.Millisecond))
}

// take returns them, and forgets them.
func (r *renewals) take() []time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := r.at
	r.at = nil
	return at
}

func (noted) InMemory() {}

func (n noted) Acquire(ctx context.Context, who lock.Owner) (lock.Lease, error) {
	lease, err := n.Locker.Acquire(ctx, who)
	return notedLease{lease, n.renewals}, err
}

func (n noted) Inherit(ctx context.Context, who lock.Owner, h string) (lock.Lease, error) {
	lease, err := n.Locker.Inherit(ctx, who, h)
	return notedLease{lease, n.renewals}, err
}

func (n notedLease) Renew(ctx context.Context) error {
	n.renewals.note()
	return n.Lease.Renew(ctx)
}

// An exec that fails moves no renewal.
func TestAFailedExecMovesNoRenewal(t *testing.T) {
	var renewed renewals
	declare := func(extra ...core.Option) *core.Daemon {
		l := noted{lock.NewMemory(clockwork.From(benclock.New())).Lock("poller", 4*time.Second), &renewed}
		return equipped(core.WithLock(l))(extra...)
	}
	forget := daemontest.Do("forget", func(*daemontest.World) { renewed.take() }) // those of an earlier play
	play(t, declare, daemontest.Scenario{
		Args:    "-d",
		Execute: daemontest.Instantly(),
		Steps:   daemontest.Steps{at(0.1, forget, daemontest.LoseBinary()), at(1, hup), at(3.1, hup), stopAt(6)},
		Want: daemontest.Want{
			daemontest.LogsTimes("could not be executed", 2), daemontest.Exit(0),
			daemontest.Check("a renewal each 0.8 s", func(*daemontest.Result) error {
				if at := renewed.take(); !slices.Equal(at, seconds(0.8, 1.6, 2.4, 3.2, 4, 4.8, 5.6)) {
					return fmt.Errorf("renewals at %v", at)
				}
				return nil
			}),
		},
	})
}

// A daemon that was suspended wakes with ticks that are due before its timers
// notice that the lease has lapsed: it looks before it executes.
func TestALapsedLeaseIsSeenBeforeTheTick(t *testing.T) {
	play(t, leased(), daemontest.Scenario{
		Execute: daemontest.Instantly(),
		Steps: daemontest.Steps{
			at(4.5, daemontest.LockOutage(errBoom), daemontest.Suspend(10*time.Second)),
		},
		Want: daemontest.Want{startsAt(0, 1, 2, 3, 4), daemontest.Logs("Lock Lost"), daemontest.Exit(1)},
	})
}

// Each outage while standing by is told once.
func TestAStandbyTellsEachOutageOnce(t *testing.T) {
	play(t, equipped(core.Standby()), daemontest.Scenario{
		Execute: daemontest.Instantly(),
		Held:    []string{lockURL},
		Steps: daemontest.Steps{
			at(1, daemontest.LockOutage(errBoom)), at(3, daemontest.LockOutage(nil)),
			at(5, daemontest.LockOutage(errBoom)), at(7, daemontest.LockOutage(nil)), stopAt(9),
		},
		Want: daemontest.Want{
			daemontest.LogsTimes("Warning: standing by, because the lock cannot be asked for", 2), daemontest.LogsTimes("Standing by.", 1),
			daemontest.NeverReady(), daemontest.Exit(0),
		},
	})
}

// A lease that is lost after the last look at it, while the next program is on
// its way, is asked for again, or left to its new holder.
func TestALeaseLostOnTheWayToTheNextProgram(t *testing.T) {
	for name, c := range map[string]struct {
		lose daemontest.Action
		want daemontest.Want
	}{
		"free":  {daemontest.FreeLock(leaseURL), daemontest.Want{daemontest.Logs("Warning: the lock was lost during the restart"), startsAt(0, 1, 2, 3), daemontest.Logs("token 2")}},
		"taken": {daemontest.StealLock(leaseURL), daemontest.Want{daemontest.Logs("Shutting Down: Lock Detected"), startsAt(0, 1)}},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, leased(core.Teardown(does("teardown"))), daemontest.Scenario{
				Args: "-d -p poller.pid",
				Execute: daemontest.Does(func(_ context.Context, d *core.Daemon) error {
					d.Logf("token %d", d.Lease().Token)
					return nil
				}),
				Steps: daemontest.Steps{at(1.5, hup), daemontest.AfterLog("doing teardown", 0, c.lose), stopAt(3.5).Maybe()},
				Want:  append(c.want, daemontest.Restarts(1), daemontest.Exit(0), daemontest.LockReleased(), daemontest.NoFile(pidPath)),
			})
		})
	}
}

// A store that is out of order on that way has lost nothing.
func TestAnOutageOnTheWayToTheNextProgramLosesNoLease(t *testing.T) {
	play(t, leased(core.Teardown(does("teardown"))), daemontest.Scenario{
		Args: "-d",
		Execute: daemontest.Does(func(_ context.Context, d *core.Daemon) error {
			d.Logf("token %d", d.Lease().Token)
			return nil
		}),
		Steps: daemontest.Steps{
			at(1.5, hup), daemontest.AfterLog("doing teardown", 0, daemontest.LockOutage(errBoom)), at(2.7, daemontest.LockOutage(nil)), stopAt(4.5),
		},
		Want: daemontest.Want{
			daemontest.Logs("Warning: standing by, because the lock cannot be asked for"), daemontest.NoLog("was lost"),
			daemontest.LogsTimes("token 1", 5), daemontest.Restarts(1), daemontest.Exit(0), daemontest.LockReleased(),
		},
	})
}

// What was inherited with a lease that is lost later is not inherited again.
func TestALostLeaseIsNotInheritedAgain(t *testing.T) {
	play(t, leased(), daemontest.Scenario{
		Args:    "-d -p poller.pid",
		Execute: daemontest.Instantly(),
		Steps: daemontest.Steps{
			at(1.5, hup), at(3.1, daemontest.LoseBinary()), at(4.5, daemontest.FreeLock(leaseURL)),
			at(6.1, daemontest.Do("look", func(w *daemontest.World) {
				if pid, _ := w.File(pidPath); pid != "101\n" {
					w.Fail("the PID file holds %q", pid)
				}
			})),
			stopAt(6.5),
		},
		Want: daemontest.Want{
			startsAt(0, 1, 2, 3, 4, 5, 6), daemontest.Logs("could not be executed"), daemontest.NoLog("was lost during the restart"),
			daemontest.Exit(0), daemontest.LockReleased(), daemontest.NoFile(pidPath),
		},
	})
}

// A daemon that stands by, because its lease was stolen, leaves the PID file to
// the one that has the lock.
func TestAStolenLeaseGoesWithItsPIDFile(t *testing.T) {
	play(t, leased(core.Standby()), daemontest.Scenario{
		Args:    "-d -p poller.pid",
		Execute: daemontest.Instantly(),
		Steps: daemontest.Steps{
			at(4.5, daemontest.StealLock(leaseURL)),
			at(7, daemontest.Do("look", func(w *daemontest.World) {
				if _, there := w.File(pidPath); there {
					w.Fail("the PID file is there")
				}
			})),
			stopAt(8.5),
		},
		Want: daemontest.Want{daemontest.Logs("Standing by."), daemontest.Restarts(1), daemontest.Exit(0)},
	})
}

// A lease that lapses during the teardown of a restart is not handed over, even
// where no timer has noticed, because the machine was suspended.
func TestALeaseThatLapsesInATeardownIsNotHandedOver(t *testing.T) {
	play(t, leased(core.Teardown(func(ctx context.Context, d *core.Daemon) error {
		d.Logf("doing teardown")
		return clockwork.Sleep(ctx, d.Clock(), 100*time.Millisecond)
	})), daemontest.Scenario{
		Args:    "-d",
		Execute: daemontest.Instantly(),
		Steps: daemontest.Steps{
			at(1.5, hup), daemontest.AfterLog("doing teardown", 0, daemontest.LockOutage(errBoom)).Maybe(),
			daemontest.AfterLog("doing teardown", 0, daemontest.Suspend(10*time.Second)), endOutage, stopAt(15.5),
		},
		Want: daemontest.Want{
			daemontest.LogsTimes("Lock Lost: memory:poller: could not be renewed in time", 1), daemontest.NoLog("was lost during the restart"),
			daemontest.Restarts(1), daemontest.Exit(0), daemontest.LockReleased(),
		},
	})
}

// stuck is a lock whose renewals do not return from some time on, whatever their
// context says.
type stuck struct {
	lock.Locker
	from time.Time
}

func (stuck) InMemory() {}

func (l stuck) Acquire(ctx context.Context, who lock.Owner) (lock.Lease, error) {
	lease, err := l.Locker.Acquire(ctx, who)
	return stuckLease{lease, l}, err
}

type stuckLease struct {
	lock.Lease
	lock stuck
}

func (l stuckLease) Renew(ctx context.Context) error {
	if time.Now().After(l.lock.from) {
		time.Sleep(time.Minute)
	}
	return l.Lease.Renew(ctx)
}

// A renewal that does not return is waited for before the exec. A lease that lapses
// meanwhile is given up, and not handed over.
func TestALeaseThatLapsesBeforeTheExecIsNotHandedOver(t *testing.T) {
	declare := func(extra ...core.Option) *core.Daemon {
		l := lock.NewMemory(clockwork.Real()).Lock("x", 4*time.Second)
		return equipped(core.WithLock(stuck{l, time.Now().Add(5 * time.Second)}))(extra...)
	}
	play(t, declare, daemontest.Scenario{
		Args:    "-d",
		Execute: daemontest.Instantly(),
		Steps:   daemontest.Steps{at(7.1, hup), stopAt(12.5)},
		Want:    daemontest.Want{daemontest.Logs("Lock Lost: memory:x: could not be renewed in time"), daemontest.Restarts(1), daemontest.Exit(0)},
	})
}

// faulty is a lock whose renewals do something else from the fourth second to the
// fifth.
type faulty struct {
	lock.Locker
	do   func()
	from time.Time
}

func (faulty) InMemory() {}

func (l faulty) Acquire(ctx context.Context, who lock.Owner) (lock.Lease, error) {
	lease, err := l.Locker.Acquire(ctx, who)
	return faultyLease{lease, l}, err
}

type faultyLease struct {
	lock.Lease
	lock faulty
}

func (l faultyLease) Renew(ctx context.Context) error {
	if past := time.Since(l.lock.from); past > 0 && past < time.Second {
		l.lock.do()
	}
	return l.Lease.Renew(ctx)
}

// A renewal that panics is tried again, and one that ends its goroutine is a lock
// that is lost: neither ends the process.
func TestALockWhoseRenewalsFailByThemselves(t *testing.T) {
	for name, c := range map[string]struct {
		do       func()
		restarts int
		want     string
	}{
		"panic":  {func() { panic("no renewal") }, 0, "Warning: the lock could not be renewed, and will be tried again: panic: no renewal\n"},
		"Goexit": {runtime.Goexit, 1, "Lock Lost: memory:x: its renewals have ended: runtime.Goexit was called"},
	} {
		t.Run(name, func(t *testing.T) {
			declare := func(extra ...core.Option) *core.Daemon {
				l := lock.NewMemory(clockwork.Real()).Lock("x", 4*time.Second)
				return equipped(core.WithLock(faulty{l, c.do, time.Now().Add(4 * time.Second)}))(extra...)
			}
			play(t, declare, daemontest.Scenario{
				Args:    "-d",
				Execute: daemontest.Instantly(),
				Steps:   daemontest.Steps{stopAt(7.5)},
				Want:    daemontest.Want{daemontest.LogsTimes(c.want, 1), daemontest.Restarts(c.restarts), daemontest.Exit(0)},
			})
		})
	}
}

// The ticks that an iteration ran over before it was abandoned are counted
// then, once; the next program starts at once and finds none missing.
func TestAnAbandonedIterationCostsItsTicksOnce(t *testing.T) {
	play(t, equipped(core.IterationTimeout(3*time.Second)), daemontest.Scenario{
		Args:    "-d",
		Execute: daemontest.Instantly().HangsAt(3),
		Steps:   daemontest.Steps{stopAt(9.5)},
		Want: daemontest.Want{ // the tick at 6 s is served
			startsAt(0, 1, 2, 6.02, 7, 8, 9), daemontest.MissedTicks(3), daemontest.NoLog("Warning: Missed"), daemontest.Exit(0),
		},
	})
}

// The dump tells the failures of all programs of the process, and nothing else
// under their name.
func TestTheDumpTellsTheFailures(t *testing.T) {
	play(t, equipped(core.MaxConsecutiveFailures(3)), daemontest.Scenario{
		Execute: daemontest.Instantly().FailsAt(1, errBoom).FailsAt(2, errBoom).Except(4, 2500*time.Millisecond).FailsAt(8, errBoom),
		Steps:   daemontest.Steps{at(2.5, usr1), at(6.5, hup), at(9.5, usr1), stopAt(9.6)},
		Want: daemontest.Want{
			daemontest.LogsTimes("Failures:          2\n", 1), daemontest.LogsTimes("Failures:          3\n", 1),
			daemontest.Failures(3), daemontest.Overruns(1), daemontest.MissedTicks(2), daemontest.Exit(0),
		},
	})
}

// A restart that was asked for before a standby began is tried once.
func TestAStandbyTriesARestartOnce(t *testing.T) {
	checks := core.CheckEnvironment(func(ctx context.Context, d *core.Daemon) error { return clockwork.Sleep(ctx, d.Clock(), time.Second) })
	play(t, equipped(core.Standby(), checks), daemontest.Scenario{
		Execute: daemontest.Instantly(),
		Held:    []string{lockURL},
		Steps:   daemontest.Steps{at(0.1, daemontest.BreakBinary(errBoom)), at(0.5, hup), stopAt(5)},
		Want:    daemontest.Want{daemontest.LogsTimes("Restart Refused", 1), daemontest.NeverReady(), daemontest.Exit(0)},
	})
}

// A second stop that comes at the very end of the shutdown time-out forces, and
// the iteration still has its grace.
func TestAStopAtTheInstantOfTheTimeoutLeavesTheGrace(t *testing.T) {
	obeys := core.Execute(func(ctx context.Context, d *core.Daemon) error {
		<-ctx.Done()
		return clockwork.Sleep(context.Background(), d.Clock(), 500*time.Millisecond)
	})
	play(t, equipped(obeys, core.Teardown(does("teardown"))), daemontest.Scenario{
		Steps: daemontest.Steps{stopAt(1), stopAt(11)},
		Want:  daemontest.Want{endsAt(11.5), daemontest.Exit(1), done("teardown")},
	})
}

// lateSignals has a SIGTERM on its way when the daemon listens no more.
type lateSignals struct {
	deliver func(os.Signal)
	listens int
	ignored []os.Signal
}

func (s *lateSignals) Listen(_ []os.Signal, deliver func(os.Signal)) {
	s.deliver = deliver
	s.listens++
}

func (*lateSignals) Kept() []syscall.Signal { return nil }

func (s *lateSignals) Quiesce(ignore ...os.Signal) {
	if s.ignored == nil {
		s.ignored = ignore
		s.deliver(syscall.SIGTERM)
	}
}

// program is a next program that would start, and must not.
type program struct {
	reexec.Starter
	reexec.Self
	execs int
}

func (*program) Try(context.Context, reexec.Program) error { return nil }

func (p *program) Exec(reexec.Program) error {
	p.execs++
	return errBoom
}

// A SIGTERM that is delivered as the very last one before exec ends the daemon,
// which listens again until then. What the daemon listens for is ignored during
// the exec.
func TestAStopOnItsWayAtExecEndsTheDaemon(t *testing.T) {
	sigs, next := &lateSignals{}, &program{}
	h := host.Real()
	h.Stdout, h.Signals = io.Discard, sigs
	next.Starter, next.Self = h.Starter, h.Self
	h.Starter, h.Self = next, next
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	torn := 0
	code := core.New("poller", core.WithHost(h), core.Every(time.Hour),
		core.OnSignal(syscall.SIGUSR2, func(context.Context, *core.Daemon) error { return nil }),
		core.Execute(func(_ context.Context, d *core.Daemon) error {
			d.Restart("for a test")
			return nil
		}),
		core.Teardown(func(context.Context, *core.Daemon) error {
			torn++
			return nil
		})).Run(ctx)
	assert.NoError(t, ctx.Err())
	assert.Equal(t, []int{0, 0, 1, 2}, []int{code, next.execs, torn, sigs.listens}, "exit status, execs, teardowns, listens")
	assert.Subset(t, sigs.ignored, []os.Signal{syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2})
	assert.NotContains(t, sigs.ignored, os.Signal(syscall.SIGTERM))
}

// A refused restart does not put the restart interval off.
func TestARefusalDoesNotPutTheRestartIntervalOff(t *testing.T) {
	play(t, equipped(core.RestartEvery(30*time.Second)), daemontest.Scenario{
		Args:    "-d",
		Execute: daemontest.Instantly(),
		Steps:   daemontest.Steps{at(19, daemontest.BreakBinary(errBoom)), at(20, hup), at(21, daemontest.BreakBinary(nil)), stopAt(40.5)},
		Want:    daemontest.Want{daemontest.LogsTimes("Restart Refused", 1), daemontest.Restarts(1), daemontest.Exit(0)},
	})
}

// A daemon that ends is not asked to restart by its interval.
func TestTheRestartIntervalEndsWithTheDaemon(t *testing.T) {
	slow := core.Teardown(func(ctx context.Context, d *core.Daemon) error { return clockwork.Sleep(ctx, d.Clock(), 2*time.Second) })
	play(t, equipped(core.RestartEvery(10*time.Second), slow), daemontest.Scenario{
		Args:    "-d",
		Execute: daemontest.Instantly().FailsAt(10, errBoom),
		Want:    daemontest.Want{daemontest.NoLog("Restart Refused"), endsAt(11), daemontest.Exit(1)},
	})
}
