package core_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/daemontest"
	"github.com/evertick/evertick/lock"
)

const heldLine = "Shutting Down: Lock Detected. Details: lock file:/run/poller.lock is held by poller, PID 4711 on otherhost, since 2025-12-31 23:59:00"

// A held lock is no error: the second one says who holds it, exits 0 and leaves
// no trace. A launcher passes that on.
func TestAHeldLockIsNoErrorAndLeavesNoTrace(t *testing.T) {
	for _, args := range []string{"-p poller.pid", "-d -p poller.pid"} {
		t.Run(args, func(t *testing.T) {
			play(t, equipped(core.Setup(does("setup"))), daemontest.Scenario{
				Args:    args,
				Execute: daemontest.Instantly(),
				Held:    []string{lockURL},
				Want: daemontest.Want{
					daemontest.Exit(0), daemontest.NeverReady(), daemontest.ExitOf(args, 0), daemontest.Stdout(heldLine + "\n"),
					daemontest.NoFile(pidPath), daemontest.NoFile(logPath), daemontest.Mails(0), daemontest.NoLog("doing setup"),
				},
			})
		})
	}
}

// A second instance beside a running one goes, and harms nothing of the first.
func TestASecondInstanceHarmsNothingOfTheFirst(t *testing.T) {
	const second = "-p second.pid"
	play(t, equipped(), daemontest.Scenario{
		Args:    "-p poller.pid",
		Execute: daemontest.Takes(300 * time.Millisecond),
		Steps: daemontest.Steps{
			at(1.1, daemontest.Command(second)), at(1.7, daemontest.Command(second)), at(2, hup), at(2.01, daemontest.Command(second)), stopAt(3.5),
		},
		Want: daemontest.Want{
			daemontest.ExitOf(second, 0), daemontest.LogsTimes("Shutting Down: Lock Detected.", 3), daemontest.Stdout("PID 100 on testhost"),
			startsAt(0, 1, 2, 3), daemontest.NoFile("second.pid"), daemontest.Exit(0), daemontest.LockReleased(),
		},
	})
}

// Of 20 starters at one instant exactly one beats, in whatever order they come.
func TestOfTwentyStartersOneBeats(t *testing.T) {
	var steps daemontest.Steps
	for range 19 {
		steps = append(steps, at(0, daemontest.Command("-v")))
	}
	play(t, equipped(), daemontest.Scenario{
		Execute: daemontest.Does(func(_ context.Context, d *core.Daemon) error {
			if d.Clock().Wall().Sub(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)) > 2500*time.Millisecond {
				d.Stop("enough")
			}
			return nil
		}),
		Steps:  steps,
		Orders: 20,
		Want: daemontest.Want{
			startsOf(4, 4), daemontest.AnyOf(daemontest.Want{daemontest.NeverReady()}, daemontest.Want{endsAt(3)}),
			daemontest.LogsTimes("Shutting Down: Lock Detected.", 19), daemontest.LockReleased(),
		},
	})
}

// startsOf wants this many iterations.
func startsOf(least, most int) daemontest.Expectation {
	return daemontest.Check("one daemon to beat", func(r *daemontest.Result) error {
		if n := len(r.Starts()); n < least || n > most {
			return errors.New(r.Timeline())
		}
		return nil
	})
}

// With Standby the second one waits, and takes over when the lock is free; only then
// it writes its files.
func TestStandbyTakesOver(t *testing.T) {
	play(t, equipped(core.Standby()), daemontest.Scenario{
		Args:    "-p poller.pid",
		Execute: daemontest.Instantly(),
		Held:    []string{lockURL},
		Steps: daemontest.Steps{
			at(3, usr1),
			at(5.1, daemontest.Do("look", func(w *daemontest.World) {
				_, pid := w.File(pidPath)
				if _, log := w.File(logPath); pid || log {
					w.Fail("the standby has files already")
				}
			})),
			at(5.1, daemontest.FreeLock(lockURL)), stopAt(7.5),
		},
		Want: daemontest.Want{
			startsOf(3, 3), startsBetween(5.1, 5.2), daemontest.LogsTimes("Standing by. lock file:/run/poller.lock is held by poller, PID 4711", 1),
			daemontest.Logs("State:             standby"), daemontest.Exit(0), daemontest.LockReleased(), daemontest.NoFile(pidPath),
		},
	})
}

// A detached standby is told as standing by, not as failed.
func TestADetachedStandbyHasStarted(t *testing.T) {
	play(t, equipped(core.Standby()), daemontest.Scenario{
		Args:    "-d",
		Execute: daemontest.Instantly(),
		Held:    []string{lockURL},
		Steps:   daemontest.Steps{stopAt(3)},
		Want: daemontest.Want{
			daemontest.ExitOf("-d", 0), daemontest.Stdout("poller: running as PID 101\nstanding by: lock file:/run/poller.lock is held"),
			daemontest.Exit(0), daemontest.NeverReady(), endsAt(3),
		},
	})
}

// SIGTERM ends a standby, between two attempts and during one.
func TestSIGTERMEndsAStandby(t *testing.T) {
	for _, takes := range []time.Duration{0, 10 * time.Second} {
		play(t, equipped(core.Standby()), daemontest.Scenario{
			Execute: daemontest.Instantly(),
			Held:    []string{lockURL},
			Steps:   daemontest.Steps{at(1, daemontest.LockTakes(takes)), stopAt(3.1), at(3.2, daemontest.LockTakes(0)).Maybe()},
			Want:    daemontest.Want{daemontest.Exit(0), daemontest.NeverReady(), endsAt(3.1)},
		})
	}
}

// heedless is a lock that takes a second to be asked for, whatever its context
// says.
type heedless struct{ lock.Locker }

func (heedless) InMemory() {}

func (l heedless) Acquire(ctx context.Context, who lock.Owner) (lock.Lease, error) {
	time.Sleep(time.Second)
	return l.Locker.Acquire(context.WithoutCancel(ctx), who)
}

// A lock that is won while the daemon is stopping already is given back.
func TestALockWonWhileStoppingIsGivenBack(t *testing.T) {
	store := lock.NewMemory(clockwork.Real())
	play(t, equipped(core.WithLock(heedless{store.Lock("slow", 0)})), daemontest.Scenario{
		Execute: daemontest.Instantly(),
		Steps:   daemontest.Steps{stopAt(0.5)},
		Want: daemontest.Want{
			endsAt(1), daemontest.Exit(0), daemontest.NeverReady(),
			daemontest.Check("the lock to be won and given back", func(*daemontest.Result) error {
				if _, _, held := store.Holder("slow"); held {
					return errors.New("it is held")
				}
				if store.Steal("slow", lock.Owner{}, 0) == 1 {
					return errors.New("nobody ever had it")
				}
				store.Evict("slow")
				return nil
			}),
		},
	})
}

// SIGHUP restarts a standby, or is refused, and it stands by again.
func TestSIGHUPRestartsAStandby(t *testing.T) {
	play(t, equipped(core.Standby()), daemontest.Scenario{
		Execute: daemontest.Instantly(),
		Held:    []string{lockURL},
		Steps: daemontest.Steps{
			at(1, daemontest.BreakBinary(errors.New("typo"))), at(1, hup), at(2, daemontest.BreakBinary(nil)), at(2, hup),
			at(4, daemontest.FreeLock(lockURL)), stopAt(6.5),
		},
		Want: daemontest.Want{
			daemontest.Restarts(1), daemontest.LogsTimes("Restart Refused", 1), daemontest.Iterations(3), daemontest.Exit(0), daemontest.LockReleased(),
		},
	})
}

// A standby whose lock store goes out of order keeps standing by.
func TestAStandbyOutlivesAnOutage(t *testing.T) {
	play(t, equipped(core.Standby()), daemontest.Scenario{
		Execute: daemontest.Instantly(),
		Held:    []string{lockURL},
		Steps: daemontest.Steps{
			at(1, daemontest.LockOutage(errors.New("connection refused"))), at(3, daemontest.LockOutage(nil)),
			at(4, daemontest.FreeLock(lockURL)), stopAt(6.5),
		},
		Want: daemontest.Want{
			daemontest.LogsTimes("Warning: standing by, because the lock cannot be asked for", 1), startsOf(3, 3), daemontest.Exit(0), daemontest.LockReleased(),
		},
	})
}

// The lease scenarios have a lock that expires 4 s after its last renewal, is
// renewed each 0.8 s, and given up 3 s after the last renewal.
const leaseURL = "memory:poller"

func leased(options ...core.Option) daemontest.NewFunc {
	return equipped(append([]core.Option{core.WithLock(daemontest.Leased(leaseURL, 4*time.Second))}, options...)...)
}

// A lease is renewed in the background, also while a long Execute runs.
func TestALeaseIsRenewedDuringALongExecute(t *testing.T) {
	play(t, leased(core.Every(time.Minute)), daemontest.Scenario{
		Execute: daemontest.Takes(30 * time.Second),
		Steps:   daemontest.Steps{at(10, daemontest.Command("-v")), stopAt(40)},
		Want: daemontest.Want{
			daemontest.Iterations(1), daemontest.ExitOf("-v", 0), daemontest.Stdout("Lock Detected"), daemontest.Exit(0), daemontest.LockReleased(),
		},
	})
}

// An outage that is shorter than the lease does no harm, and is said once.
func TestAShortOutageCostsNoLease(t *testing.T) {
	play(t, leased(), daemontest.Scenario{
		Args:    "-d",
		Execute: daemontest.Takes(100 * time.Millisecond),
		Steps: daemontest.Steps{
			at(5.5, daemontest.LockOutage(errors.New("connection refused"))), at(7.1, daemontest.LockOutage(nil)), stopAt(15.5),
		},
		Want: daemontest.Want{
			daemontest.Iterations(16), daemontest.Restarts(0), daemontest.LogsTimes("Warning: the lock could not be renewed", 1), daemontest.Exit(0),
		},
	})
}

// cancelledAt is an Execute that works until its context is done, and logs
// when and why.
func cancelledAt(ctx context.Context, d *core.Daemon) error {
	if d.Restarts() > 0 {
		return nil
	}
	<-ctx.Done()
	d.Logf("cancelled: %v", context.Cause(ctx))
	return context.Cause(ctx)
}

// A lease that cannot be renewed ends the iteration before anybody else can
// have the lock, and the daemon restarts to win it again.
func TestALeaseThatCannotBeRenewedStopsExecuteInTime(t *testing.T) {
	play(t, leased(core.Execute(cancelledAt), core.Every(100*time.Second)), daemontest.Scenario{
		Args: "-d",
		Steps: daemontest.Steps{
			at(5.5, daemontest.LockOutage(errors.New("connection refused"))),
			daemontest.AfterLog("cancelled: lock lost: could not be renewed in time", 0, daemontest.Do("look", func(w *daemontest.World) {
				if _, _, held := w.Locks().Holder(leaseURL); w.Now().Round(time.Millisecond) != 7800*time.Millisecond || !held {
					w.Fail("cancelled at %s, lock held: %t", w.Now(), held)
				}
			}), daemontest.LockOutage(nil)),
			stopAt(20),
		},
		Want: daemontest.Want{
			daemontest.Logs("cancelled: "), daemontest.Restarts(1), daemontest.Mails(1), daemontest.MailContains("Lock Lost: memory:poller"),
			daemontest.Exit(0), daemontest.LockReleased(),
		},
	})
}

// A sleeping daemon whose lease is evicted notices with the next renewal, and
// restarts to win it again.
func TestAnEvictedLeaseIsWonAnew(t *testing.T) {
	play(t, leased(), daemontest.Scenario{
		Args:    "-d -p poller.pid",
		Execute: daemontest.Takes(300 * time.Millisecond),
		Steps:   daemontest.Steps{at(4.5, daemontest.FreeLock(leaseURL)), stopAt(8.5)},
		Want: daemontest.Want{
			daemontest.Restarts(1), daemontest.LogsTimes("Lock Lost: memory:poller", 1), daemontest.Exit(0), daemontest.LockReleased(),
			daemontest.NoFile(pidPath),
		},
	})
}

// A lease that somebody else has by now is theirs: the daemon restarts, finds
// the lock held and goes, or stands by.
func TestAStolenLeaseIsLeftToItsThief(t *testing.T) {
	for _, c := range []struct {
		option core.Option
		want   daemontest.Want
	}{
		{nil, daemontest.Want{daemontest.Logs("Shutting Down: Lock Detected"), endsAt(4.8)}},
		{core.Standby(), daemontest.Want{daemontest.Logs("Standing by."), endsAt(8.5)}},
	} {
		play(t, leased(c.option), daemontest.Scenario{
			Args:    "-d -p poller.pid",
			Execute: daemontest.Takes(300 * time.Millisecond),
			Steps:   daemontest.Steps{at(4.5, daemontest.StealLock(leaseURL)), stopAt(8.5).Maybe()},
			Want: append(c.want,
				daemontest.Restarts(1), daemontest.Exit(0), daemontest.LockReleased(), daemontest.NoFile(pidPath),
				daemontest.Check("no iteration after the loss", func(r *daemontest.Result) error {
					if starts := r.Starts(); starts[len(starts)-1] > 5100*time.Millisecond {
						return errors.New("there is one")
					}
					return nil
				})),
		})
	}
}

// Without -d or a supervisor a lost lease is the end.
func TestALostLeaseEndsAForegroundDaemon(t *testing.T) {
	play(t, leased(), daemontest.Scenario{
		Execute: daemontest.Takes(300 * time.Millisecond),
		Steps:   daemontest.Steps{at(4.5, daemontest.FreeLock(leaseURL))},
		Want: daemontest.Want{
			daemontest.Exit(1), daemontest.Restarts(0), daemontest.MailContains("poller Shutdown"), daemontest.LastLog("Exit status: 1"),
		},
	})
}

// A daemon that was suspended for longer than its lease lives executes nothing
// when it wakes: the lock may be somebody else's.
func TestASuspendedDaemonDoesNotExecuteOnALapsedLease(t *testing.T) {
	play(t, leased(), daemontest.Scenario{
		Args:    "-d",
		Execute: daemontest.Takes(300 * time.Millisecond),
		Steps: daemontest.Steps{
			at(4.5, halt), at(10, daemontest.StealLock(leaseURL)), at(20, cont),
		},
		Want: daemontest.Want{startsAt(0, 1, 2, 3, 4), daemontest.Logs("Lock Lost"), daemontest.Exit(0), daemontest.LockReleased()},
	})
}

// A lease that is lost while plugins are being set up ends the setup.
func TestALeaseLostDuringSetupEndsTheSetup(t *testing.T) {
	play(t, leased(core.Setup(func(ctx context.Context, d *core.Daemon) error {
		if d.Restarts() > 0 {
			return nil
		}
		return clockwork.Sleep(ctx, d.Clock(), time.Minute)
	})), daemontest.Scenario{
		Args:    "-d",
		Execute: daemontest.Instantly(),
		Steps:   daemontest.Steps{at(4.5, daemontest.FreeLock(leaseURL)), stopAt(8.5)},
		Want:    daemontest.Want{daemontest.Restarts(1), daemontest.Logs("Lock Lost"), daemontest.Exit(0), daemontest.LockReleased()},
	})
}

// A lease that cannot be renewed ends a setup, too; one that is renewed does
// not.
func TestALongSetupKeepsItsLease(t *testing.T) {
	setup := core.Setup(func(ctx context.Context, d *core.Daemon) error {
		if d.Restarts() > 0 {
			return nil
		}
		return clockwork.Sleep(ctx, d.Clock(), 10*time.Second)
	})
	play(t, leased(setup), daemontest.Scenario{
		Args:    "-d",
		Execute: daemontest.Instantly(),
		Steps:   daemontest.Steps{stopAt(11.5)},
		Want:    daemontest.Want{startsAt(10, 11), daemontest.NoLog("Lock Lost"), daemontest.Exit(0), daemontest.LockReleased()},
	})
	play(t, leased(setup), daemontest.Scenario{
		Args:    "-d",
		Execute: daemontest.Instantly(),
		Steps: daemontest.Steps{
			at(5, daemontest.LockOutage(errBoom)), daemontest.AfterLog("Lock Lost", 0, daemontest.LockOutage(nil)), stopAt(9),
		},
		Want: daemontest.Want{
			startsAt(7.8, 8.8), daemontest.Logs("could not be renewed in time"), daemontest.Restarts(1), daemontest.Exit(0), daemontest.LockReleased(),
		},
	})
}

// A lease that is lost while the daemon is leaving anyway cuts the waiting
// short.
func TestALeaseLostWhileDrainingCutsTheWaitShort(t *testing.T) {
	play(t, leased(core.Every(time.Minute)), daemontest.Scenario{
		Args:    "-d",
		Execute: daemontest.Takes(9 * time.Second),
		Steps:   daemontest.Steps{stopAt(1), at(2, daemontest.FreeLock(leaseURL))},
		Want:    daemontest.Want{endsAt(2.4), daemontest.Logs("Lock Lost"), daemontest.Restarts(0), daemontest.Failures(1), daemontest.LockReleased()},
	})
}

// A daemon whose lease is lost and whose binary is gone, too, wins the lock
// again as it is, after a teardown that hangs as well.
func TestALostLeaseIsWonAnewWithoutABinary(t *testing.T) {
	hangs := core.Teardown(func(ctx context.Context, d *core.Daemon) error {
		if d.Iteration() > 6 {
			return nil
		}
		return daemontest.Hangs(ctx, d)
	})
	for _, c := range []struct {
		name   string
		option core.Option
		starts []float64
		stop   float64
	}{
		{"teardown returns", nil, []float64{0, 1, 2, 3, 4, 5, 6}, 6.5},
		{"teardown hangs", hangs, []float64{0, 1, 2, 3, 4, 15.8, 16.1, 17}, 17.5},
	} {
		t.Run(c.name, func(t *testing.T) {
			play(t, leased(c.option), daemontest.Scenario{
				Args:    "-d -p poller.pid",
				Execute: daemontest.Takes(300 * time.Millisecond),
				Steps:   daemontest.Steps{at(1, daemontest.LoseBinary()), at(4.5, daemontest.FreeLock(leaseURL)), stopAt(c.stop)},
				Want: daemontest.Want{
					startsAt(c.starts...), daemontest.Restarts(0), daemontest.Logs("could not be executed"), daemontest.Exit(0),
					daemontest.LockReleased(), daemontest.NoFile(pidPath),
				},
			})
		})
	}
}

// A standby that wins the lock and cannot write its PID file ends.
func TestAStandbyThatCannotStartEnds(t *testing.T) {
	play(t, equipped(core.Standby()), daemontest.Scenario{
		Args:    "-p poller.pid",
		Execute: daemontest.Instantly(),
		Held:    []string{lockURL},
		Steps:   daemontest.Steps{at(2, daemontest.DiskFull(true)), at(2.1, daemontest.FreeLock(lockURL))},
		Want: daemontest.Want{
			daemontest.Exit(1), daemontest.Stderr("no space left on device"), daemontest.LockReleased(), daemontest.NoFile(pidPath),
		},
	})
}

// The same of a detached one, whose launcher has been told long ago that it stands
// by: the log and a mail say why it ends.
func TestADetachedStandbyThatCannotStartSaysSo(t *testing.T) {
	play(t, equipped(core.Standby()), daemontest.Scenario{
		Args:    "-d -p poller.pid",
		Execute: daemontest.Instantly(),
		Held:    []string{lockURL},
		Steps:   daemontest.Steps{at(2, daemontest.WriteFile(pidPath, "notes")), at(2.1, daemontest.FreeLock(lockURL))},
		Want: daemontest.Want{
			daemontest.ExitOf("-d -p poller.pid", 0), daemontest.Exit(1), daemontest.Mails(1), daemontest.Logs("Shutting Down: PID file: lock"),
			daemontest.FileContains(pidPath, "notes"), daemontest.LockReleased(),
		},
	})
}

// The token grows with each new owner, and a restart in place keeps it.
func TestARestartKeepsTheToken(t *testing.T) {
	play(t, leased(), daemontest.Scenario{
		Args: "-d",
		Execute: daemontest.Does(func(_ context.Context, d *core.Daemon) error {
			d.Logf("token %d", d.Lease().Token)
			return nil
		}),
		Steps: daemontest.Steps{at(1.5, hup), at(3.5, daemontest.FreeLock(leaseURL)), stopAt(6.5)},
		Want:  daemontest.Want{daemontest.LogsTimes("token 1", 4), daemontest.Logs("token 2"), daemontest.Restarts(2), daemontest.Exit(0)},
	})
}

// An outage that outlasts the lease stops the iterations, and the next program
// waits for its end instead of ending with it.
func TestALongOutageIsWaitedFor(t *testing.T) {
	play(t, leased(), daemontest.Scenario{
		Args:    "-d -p poller.pid",
		Execute: daemontest.Instantly(),
		Steps:   daemontest.Steps{at(5.5, daemontest.LockOutage(errBoom)), at(65.5, daemontest.LockOutage(nil)), stopAt(68.5)},
		Want: daemontest.Want{
			daemontest.Restarts(1), daemontest.LogsTimes("standing by, because the lock cannot be asked for", 1),
			daemontest.Iterations(12), daemontest.Exit(0), daemontest.LockReleased(), daemontest.NoFile(pidPath),
		},
	})
}

// hesitant is a lock whose renewal under way, when it is called off, has
// something to say first.
type hesitant struct {
	lock.Locker
	calledOff func()
}

type hesitantLease struct {
	lock.Lease
	calledOff func()
}

func (h hesitant) InMemory() {}

func (h hesitant) Acquire(ctx context.Context, who lock.Owner) (lock.Lease, error) {
	lease, err := h.Locker.Acquire(ctx, who)
	return hesitantLease{lease, h.calledOff}, err
}

func (l hesitantLease) TTL() time.Duration { return time.Hour }

func (l hesitantLease) Renew(ctx context.Context) error {
	<-ctx.Done()
	if !errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
		l.calledOff()
	}
	return context.Cause(ctx)
}

// A stop that comes at the very last instant of a restart, when teardown is
// over and exec has not begun, ends the daemon, and its last mails are sent.
func TestAStopJustBeforeExecEndsTheDaemon(t *testing.T) {
	declare := func(extra ...core.Option) *core.Daemon {
		var d *core.Daemon
		l := hesitant{lock.NewMemory(clockwork.Real()).Lock("poller", 0), func() { d.Stop("at the last instant") }}
		d = equipped(core.WithLock(l), core.Every(10*time.Minute))(extra...)
		return d
	}
	play(t, declare, daemontest.Scenario{
		Args:    "-d -p poller.pid",
		Execute: daemontest.Instantly(),
		Steps:   daemontest.Steps{at(13*60, hup)},
		Want: daemontest.Want{
			daemontest.Restarts(0), daemontest.Logs("a signal to stop came during the restart"), daemontest.Exit(0), daemontest.NoFile(pidPath),
		},
	})
}

// The mail that tells of a lost lock is still under way when the next program
// finds the lock held and leaves: it waits for its delivery.
func TestTheLastMailIsWaitedForByAnImageThatLeavesAtOnce(t *testing.T) {
	play(t, leased(), daemontest.Scenario{
		Args:    "-d -p poller.pid",
		Execute: daemontest.Instantly(),
		Steps:   daemontest.Steps{at(0.5, daemontest.MailTakes(2*time.Second)), at(4.5, daemontest.StealLock(leaseURL))},
		Want: daemontest.Want{
			daemontest.Restarts(1), daemontest.Logs("Lock Detected"), daemontest.Mails(1), daemontest.MailContains("Lock Lost"), daemontest.Exit(0),
		},
	})
}
