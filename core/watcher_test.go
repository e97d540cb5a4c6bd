package core_test

import (
	"context"
	"errors"
	"syscall"
	"testing"
	"time"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/daemontest"
)

const (
	stopIt    = "-s stop -p poller.pid"
	restartIt = "-s restart -p poller.pid"
	dumpIt    = "-s dump -p poller.pid"
)

var killWatcher = daemontest.SignalWatcher(syscall.SIGKILL)

// A daemon that is killed is started again by its watcher: it takes lock and PID file at
// once, tells of the death, once, and restarts after a pause. Meanwhile it can be asked,
// and keeps others out.
func TestAKilledDaemonIsStartedAgain(t *testing.T) {
	play(t, equipped(), daemontest.Scenario{
		Args: "-d -p poller.pid",
		Steps: daemontest.Steps{
			at(20.5, kill), at(21, daemontest.Command(dumpIt)), at(21.2, daemontest.Command("-d -p other.pid")), stopAt(30.7),
		},
		Want: daemontest.Want{
			daemontest.Exit(0), daemontest.LockReleased(), daemontest.NoFile(pidPath), daemontest.NoFile(statePath),
			deaths(1), daemontest.Mails(1), daemontest.Restarts(1), daemontest.Watchers(2),
			daemontest.Logs("Died Before: PID 101, which was started at 2026-01-01 00:00:00, came to its end without a shutdown, in iteration 21 or later"),
			daemontest.Logs("Restarting after a death"), noStartBetween(20.4, 22), startsBetween(22.2, 23),
			daemontest.Stdout("Dump of poller, PID 10000 on testhost\nState:             restarting"),
			daemontest.Stdout("Watcher:           PID 10001"), daemontest.Stdout("Started:           2026-01-01 00:00:20\nUptime:            0s"),
			daemontest.ExitOf(dumpIt, 0), daemontest.Stdout("Lock Detected"),
		},
	})
}

// The mail of a death shows what the dead process has logged last, and without a state
// file the death is told, too.
func TestTheMailOfADeath(t *testing.T) {
	for name, options := range map[string][]core.Option{
		"with a state file": nil, "without": {core.WithLock(daemontest.Leased(leaseURL, 4*time.Second)), core.WithLog(nil)},
	} {
		t.Run(name, func(t *testing.T) {
			says := core.Execute(func(_ context.Context, d *core.Daemon) error { d.Logf("beat %d", d.Iteration()); return nil })
			want := daemontest.Want{daemontest.Exit(0), daemontest.Mails(1)}
			if options == nil {
				want = append(want, daemontest.MailContains("101 beat 20\n"), daemontest.MailContains("101 beat 21\n"))
			} else {
				want = append(want, daemontest.MailContains("Died Before: PID 101, which was started at 2026-01-01 00:00:00, came to its end without a shutdown.\nWhat it died of is not known: it had no log file"))
			}
			play(t, equipped(append(options, says)...), daemontest.Scenario{
				Args: "-d", Steps: daemontest.Steps{at(20.5, kill), stopAt(40.7)}, Want: want,
			})
		})
	}
}

// The alert of a death is on disk while what follows it pauses.
func TestTheAlertOfADeathIsKept(t *testing.T) {
	play(t, equipped(), daemontest.Scenario{
		Args: "-d",
		Steps: daemontest.Steps{
			at(20.4, daemontest.MailDown(errors.New("away"))), at(20.5, kill), at(21.9, killWatcher, kill),
			at(22.5, daemontest.MailDown(nil)), at(23, daemontest.Command("-v")), at(40, daemontest.SignalTo("-v", syscall.SIGTERM)),
		},
		Want: daemontest.Want{daemontest.Killed(), daemontest.NeverReady(), daemontest.ExitOf("-v", 0), daemontest.MailContains("Died Before: PID 101, "), daemontest.MailContains("Died Before: PID 10000, ")},
	})
}

// One rule for deaths and fatal errors: a bad start is not repeated, MaxRestarts counts
// them together, and the pauses grow.
func TestDeathsCountAsFatalErrors(t *testing.T) {
	for name, c := range map[string]struct {
		declare daemontest.NewFunc
		steps   daemontest.Steps
		want    daemontest.Want
	}{
		"within 10 s": {
			declare: equipped(),
			steps:   daemontest.Steps{at(9.5, kill)},
			want:    daemontest.Want{daemontest.Logs("Shutting Down: death, and it came within the first 10s of run time"), daemontest.Restarts(0), daemontest.Exit(1), daemontest.Mails(1)},
		},
		"within 10 s, and told later": { // when the lease has been waited out
			declare: leased(),
			steps:   daemontest.Steps{at(8.5, kill)},
			want:    daemontest.Want{daemontest.Logs("Shutting Down: death, and it came within the first 10s of run time"), daemontest.Restarts(0), daemontest.Exit(1), deaths(1)},
		},
		"too many": {
			declare: equipped(core.MaxRestarts(2, time.Hour)),
			steps:   daemontest.Steps{at(20.5, kill), at(30.5, kill), at(40.5, kill)},
			want:    daemontest.Want{daemontest.Logs("Shutting Down: death, and there were 2 restarts after errors within 1h0m0s already"), daemontest.Restarts(2), daemontest.Exit(1), deaths(3)},
		},
		"with growing pauses": {
			declare: equipped(),
			steps:   daemontest.Steps{at(20.5, kill), at(30.5, kill), at(40.5, kill), stopAt(60.7)},
			want:    daemontest.Want{noStartBetween(20.1, 22.2), noStartBetween(30.5, 34), noStartBetween(40.5, 47), startsBetween(47, 50), daemontest.Exit(0), deaths(3)},
		},
		"during a pause": {
			declare: equipped(),
			steps:   daemontest.Steps{at(20.5, kill), at(21, kill), stopAt(40.7)},
			want:    daemontest.Want{noStartBetween(20.1, 24), startsBetween(24, 26), daemontest.Exit(0), deaths(2), daemontest.Restarts(1)},
		},
		"too many, with a lease": {
			declare: leased(core.MaxRestarts(0, time.Hour)),
			steps:   daemontest.Steps{at(20.5, kill)},
			want:    daemontest.Want{daemontest.Logs("Shutting Down: death, and there were 0 restarts"), daemontest.Exit(1), deaths(1)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			want := append(c.want, daemontest.NoFile(pidPath), daemontest.LockReleased())
			play(t, c.declare, daemontest.Scenario{Args: "-d -p poller.pid", Steps: c.steps, Want: want})
		})
	}
}

// A lease that outlives its holder is waited out before the death is told.
func TestTheLeaseOfADeadDaemonIsWaitedOut(t *testing.T) {
	play(t, leased(), daemontest.Scenario{
		Args:  "-d -p poller.pid",
		Steps: daemontest.Steps{at(20.5, kill), stopAt(40.7)},
		Want: daemontest.Want{
			daemontest.Exit(0), deaths(1), daemontest.Logs("The lock was waited for"), noStartBetween(20.4, 24), startsBetween(24, 29), daemontest.Watchers(2),
		},
	})
}

// What dies before its death can be counted is followed by nothing: else a bad start
// would be repeated without a pause.
func TestACrashWhileItChecksIsNotFollowed(t *testing.T) {
	slow := core.CheckEnvironment(func(ctx context.Context, d *core.Daemon) error { return clockwork.Sleep(ctx, d.Clock(), time.Second) })
	play(t, equipped(slow), daemontest.Scenario{
		Args: "-d", Steps: daemontest.Steps{at(20.5, kill), at(21, daemontest.Signal(syscall.SIGQUIT))},
		Want: daemontest.Want{daemontest.Exit(2), daemontest.NeverReady(), daemontest.Watchers(1), deaths(0)},
	})
}

// A death while the checks fail, too: both are told, and the daemon waits for the checks.
func TestADeathWhileTheChecksFail(t *testing.T) {
	first := time.Hour // how long the machine had been up when the scenario began
	check := core.CheckEnvironment(func(_ context.Context, d *core.Daemon) error {
		if since := d.Clock().Boot() - first; since > 20*time.Second && since < 28*time.Second {
			return errors.New("no route to database")
		}
		return nil
	})
	play(t, equipped(check), daemontest.Scenario{
		Args:  "-d",
		Steps: daemontest.Steps{at(20.5, kill), stopAt(60.7)},
		Want: daemontest.Want{
			daemontest.Exit(0), deaths(1), daemontest.Logs("no route to database"), noStartBetween(20.1, 28), startsBetween(28, 45), daemontest.Watchers(2), daemontest.LockReleased(),
		},
	})
}

// What keeps the program that follows a death from starting is waited for, as after a
// fatal error, and the death is told, once, whatever comes of it.
func TestWhatFollowsADeathCannotStart(t *testing.T) {
	full, room := daemontest.DiskFull(true), daemontest.DiskFull(false)
	for name, c := range map[string]struct {
		option core.Option
		steps  daemontest.Steps
		want   daemontest.Want
	}{
		"no PID file": {
			steps: daemontest.Steps{at(20.4, full), at(20.5, kill), at(60, room), stopAt(140.7)},
			want: daemontest.Want{
				daemontest.Exit(0), noStartBetween(20.1, 60), startsBetween(60, 140), daemontest.Watchers(2), daemontest.NoFile(pidPath),
				daemontest.Logs("Error: the start of this program failed: PID file: lock /world/poller.pid"), daemontest.MailContains("Died Before: PID 101"),
			},
		},
		"no log": {
			steps: daemontest.Steps{at(20.4, daemontest.DenyFile(logPath, syscall.EACCES)), at(20.5, kill), at(60, daemontest.DenyFile(logPath, nil)), stopAt(140.7)},
			want: daemontest.Want{
				daemontest.Exit(0), noStartBetween(20.1, 60), startsBetween(60, 140), daemontest.Watchers(2), daemontest.NoFile(pidPath),
				daemontest.Logs("Error: the checks of this program failed: "), daemontest.MailContains("Died Before: PID 101"),
			},
		},
		"no PID file, within 10 s": {
			steps: daemontest.Steps{at(5.4, full), at(5.5, kill)},
			want:  daemontest.Want{daemontest.Exit(1), daemontest.NeverReady(), daemontest.Mails(1), daemontest.MailContains("Died Before: PID 101"), daemontest.MailContains("PID file: lock ")},
		},
		"no log, within 10 s": {
			steps: daemontest.Steps{at(5.4, daemontest.DenyFile(logPath, syscall.EACCES)), at(5.5, kill)},
			want:  daemontest.Want{daemontest.Exit(1), daemontest.NeverReady(), daemontest.Mails(1), daemontest.MailContains("Died Before: PID 101"), daemontest.MailContains("permission denied")},
		},
		"no PID file, too many": {
			option: core.MaxRestarts(0, time.Hour),
			steps:  daemontest.Steps{at(20.4, full), at(20.5, kill)},
			want:   daemontest.Want{daemontest.Exit(1), daemontest.NeverReady(), daemontest.Mails(1), daemontest.MailContains("Died Before: PID 101"), daemontest.MailContains("there were 0 restarts")},
		},
		"no log, too many": {
			option: core.MaxRestarts(0, time.Hour),
			steps:  daemontest.Steps{at(20.4, daemontest.DenyFile(logPath, syscall.EACCES)), at(20.5, kill)},
			want:   daemontest.Want{daemontest.Exit(1), daemontest.NeverReady(), daemontest.Mails(1), daemontest.MailContains("Died Before: PID 101"), daemontest.MailContains("there were 0 restarts")},
		},
		"another one's PID file": {
			option: core.WithLock(nil),
			steps: daemontest.Steps{
				at(20.1, daemontest.SignalWatcher(syscall.SIGSTOP)), at(20.5, kill), at(21, daemontest.Command("-p poller.pid")),
				at(22, daemontest.SignalWatcher(syscall.SIGCONT)), at(30.7, daemontest.Command(stopIt)),
			},
			want: daemontest.Want{daemontest.Exit(1), daemontest.NeverReady(), deaths(1), daemontest.Logs("Shutting Down: PID file /world/poller.pid belongs to the running process")},
		},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, equipped(c.option), daemontest.Scenario{
				Args: "-d -p poller.pid", Steps: c.steps, Want: c.want,
			})
		})
	}
}

// A daemon is reported as started when it has its watcher: one that dies before that has
// not started, and one that dies after it is followed.
func TestADaemonHasItsWatcherWhenItIsReported(t *testing.T) {
	play(t, equipped(), daemontest.Scenario{
		Args: "-d", Steps: daemontest.Steps{at(0.001, kill)},
		Want: daemontest.Want{daemontest.Killed(), daemontest.ExitOf("-d", 1), daemontest.Stderr("ended without a report"), daemontest.Watchers(0)},
	})
	play(t, equipped(), daemontest.Scenario{
		Args: "-d", Steps: daemontest.Steps{at(0.004, kill)},
		Want: daemontest.Want{daemontest.Exit(1), daemontest.ExitOf("-d", 0), deaths(1), daemontest.Watchers(1), daemontest.NeverReady()},
	})
}

// A restart that waits for the lock has its watcher still, and gets another one.
func TestTheWatcherOfAStandby(t *testing.T) {
	play(t, leased(core.Standby()), daemontest.Scenario{
		Args:  "-d",
		Steps: daemontest.Steps{at(20.5, daemontest.StealLock(leaseURL)), at(30, killWatcher), at(40, daemontest.FreeLock(leaseURL)), at(50.5, kill), stopAt(70.7)},
		Want: daemontest.Want{
			daemontest.Exit(0), noStartBetween(25, 40), startsBetween(40, 45), startsBetween(52, 60), daemontest.Watchers(3),
		},
	})
}

// Whatever ends the process otherwise than the daemon itself is a death.
func TestWhatADeathIs(t *testing.T) {
	for name, c := range map[string]struct {
		step   daemontest.Step
		follow int
	}{
		"SIGKILL":       {at(20.5, kill), 1},
		"a crash":       {at(20.5, daemontest.Signal(syscall.SIGQUIT)), 1},
		"a stop":        {at(20.5, term), 0},
		"a forced stop": {at(20.5, daemontest.Signal(syscall.SIGINT)), 0},
		"a restart":     {at(20.5, hup), 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := daemontest.Scenario{Args: "-d", Steps: daemontest.Steps{c.step}, Want: daemontest.Want{daemontest.Exit(0), deaths(c.follow), daemontest.Watchers(1 + c.follow)}}
			if name == "a restart" || c.follow > 0 {
				s.Steps = append(s.Steps, stopAt(40.7))
			}
			var option core.Option
			if name == "none declared" {
				option = core.Unwatched()
			}
			play(t, equipped(option), s)
		})
	}
}

// A daemon that was asked to stop and is killed while it finishes is not started again.
func TestAStopThatIsKilledStaysAStop(t *testing.T) {
	play(t, equipped(), daemontest.Scenario{
		Args: "-d", Execute: daemontest.Instantly().Except(21, 5*time.Second),
		Steps: daemontest.Steps{at(21, term), at(22, kill)},
		Want:  daemontest.Want{daemontest.Killed(), deaths(0), daemontest.Watchers(1)},
	})
}

// A stop ends both, however the watcher is, and during the pause after a death.
func TestAStopEndsTheWatcher(t *testing.T) {
	for name, c := range map[string]struct {
		steps    daemontest.Steps
		watchers int
	}{
		"watching":        {daemontest.Steps{at(12, daemontest.Command(stopIt))}, 1},
		"hanging":         {daemontest.Steps{at(3, daemontest.SignalWatcher(syscall.SIGSTOP)), at(12, daemontest.Command(stopIt))}, 1},
		"after a death":   {daemontest.Steps{at(20.5, kill), at(21, daemontest.Command(stopIt))}, 2},
		"to be started":   {daemontest.Steps{at(20.5, killWatcher), at(21, daemontest.Command(stopIt))}, 1},
		"after a restart": {daemontest.Steps{at(12, daemontest.Command(restartIt)), at(20.5, daemontest.Command(stopIt))}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			want := daemontest.Want{daemontest.Exit(0), daemontest.Watchers(c.watchers), daemontest.ExitOf(stopIt, 0), daemontest.NoFile(pidPath), daemontest.NoFile(statePath)}
			if name == "after a death" {
				want = append(want, daemontest.NeverReady())
			}
			play(t, equipped(), daemontest.Scenario{Args: "-d -p poller.pid", Steps: c.steps, Want: want})
		})
	}
}

// -s stop of a daemon that has died ends what would start it again: a watcher that stands
// still, or goes on before it is killed. That of another PID file, or one
// that nothing follows, is no matter.
func TestAStopEndsTheWatcherOfADeadDaemon(t *testing.T) {
	hang, goOn := daemontest.SignalWatcher(syscall.SIGSTOP), daemontest.SignalWatcher(syscall.SIGCONT)
	const other = "-s stop -p other.pid"
	for name, c := range map[string]struct {
		steps daemontest.Steps
		want  daemontest.Want
	}{
		"stands still": {
			daemontest.Steps{at(20.1, hang), at(20.5, kill), at(21, daemontest.Command(stopIt))},
			daemontest.Want{
				daemontest.Killed(), deaths(0), daemontest.Watchers(1), daemontest.NoFile(statePath), daemontest.LockReleased(), daemontest.ExitOf(stopIt, 0),
				daemontest.Stdout("poller: PID 101 had died already, and PID 10000, which was to start it again, has ended; it had no time to clean up, so its PID file has been removed\n"),
			},
		},
		"killed while its end is waited for": {
			daemontest.Steps{at(20.1, halt), at(20.2, daemontest.Command(stopIt)), at(20.5, kill)},
			daemontest.Want{
				daemontest.Killed(), deaths(0), daemontest.Watchers(1), daemontest.NoFile(statePath), daemontest.LockReleased(), daemontest.ExitOf(stopIt, 0),
				daemontest.Stdout("poller: PID 101 has stopped; it had no time to clean up, so its PID file has been removed\n"),
			},
		},
		"is asked for something else": {
			daemontest.Steps{at(20.1, hang), at(20.5, kill), at(21, daemontest.Command("-s dump -p poller.pid")), at(22, daemontest.Command(stopIt))},
			daemontest.Want{
				daemontest.Killed(), deaths(0), daemontest.ExitOf("-s dump -p poller.pid", 1), daemontest.ExitOf(stopIt, 0),
				daemontest.Stderr("-s dump: PID 101 has died, and PID 10000 is to start it again: ask again when it has"),
			},
		},
		"after a restart": {
			daemontest.Steps{at(15.1, hup), at(20.1, hang), at(20.5, kill), at(21, daemontest.Command(stopIt))},
			daemontest.Want{daemontest.Killed(), deaths(0), daemontest.Watchers(1), daemontest.ExitOf(stopIt, 0), daemontest.Restarts(1)},
		},
		"goes on": {
			daemontest.Steps{at(20.1, hang), at(20.5, kill), at(21, daemontest.Command(stopIt)), at(22, goOn)},
			daemontest.Want{
				daemontest.Killed(), deaths(0), daemontest.Watchers(1), daemontest.NoFile(statePath), daemontest.LockReleased(), daemontest.ExitOf(stopIt, 0),
				daemontest.Stdout("poller: PID 101 had died already, and PID 10000, which was to start it again, has ended"),
			},
		},
		"of another PID file": {
			daemontest.Steps{at(20.1, hang), at(20.5, kill), at(21, daemontest.Command(other)), at(24, goOn), at(30.7, daemontest.Command(stopIt))},
			daemontest.Want{daemontest.Exit(0), deaths(1), daemontest.ExitOf(other, 1), daemontest.Stderr("other.pid: there is none: no daemon is running"), daemontest.ExitOf(stopIt, 0)},
		},
		"was killed, too": {
			daemontest.Steps{at(20.5, killWatcher, kill), at(21, daemontest.Command(stopIt)), at(22, daemontest.Command("-p poller.pid")), at(30.7, daemontest.SignalTo("-p poller.pid", syscall.SIGTERM))},
			daemontest.Want{daemontest.Killed(), deaths(1), daemontest.ExitOf(stopIt, 1), daemontest.Stderr("it names process 101, but the daemon that wrote it is gone")},
		},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, equipped(), daemontest.Scenario{Args: "-d -p poller.pid", Steps: c.steps, Want: append(c.want, daemontest.NoFile(pidPath))})
		})
	}
}

// A daemon that stands by frees the lock for the pause after a death: another one takes
// over at once, and what follows the death stands by behind it. Without another one it
// can be asked meanwhile, as always.
func TestTheLockIsFreeInThePauseOfAStandby(t *testing.T) {
	const second = "-p poller.pid -d"
	free := daemontest.Do("look", func(w *daemontest.World) {
		if holder, held := w.Holder(lockURL); held {
			w.Fail("the lock is held: %v", holder)
		}
		if _, there := w.File(pidPath); there {
			w.Fail("the PID file is there")
		}
	})
	for name, c := range map[string]struct {
		steps daemontest.Steps
		want  daemontest.Want
	}{
		"another one": {
			daemontest.Steps{at(5, daemontest.Command(second)), at(20.5, kill), at(40.1, daemontest.SignalTo(second, syscall.SIGTERM)), stopAt(50.7)},
			daemontest.Want{startsBetween(20.5, 21), deaths(1), noStartBetween(40.1, 40.101), startsBetween(40.101, 40.5), daemontest.LogsTimes("Standing by", 1), daemontest.Restarts(1)},
		},
		"none": {
			daemontest.Steps{at(20.5, kill), at(21, free), stopAt(30.7)},
			daemontest.Want{noStartBetween(20.1, 22), startsBetween(22, 23), deaths(1), daemontest.Restarts(1), daemontest.Watchers(2)},
		},
		"none, and a dump": {
			daemontest.Steps{at(20.5, kill), at(21, daemontest.Command(dumpIt)), stopAt(30.7)},
			daemontest.Want{daemontest.ExitOf(dumpIt, 0), daemontest.Stdout("Dump of poller, PID 10000 on testhost\nState:             restarting")},
		},
		"none, and a restart": {
			daemontest.Steps{at(20.5, kill), at(21, daemontest.Command(restartIt)), stopAt(30.7)},
			daemontest.Want{daemontest.ExitOf(restartIt, 0), startsBetween(21, 21.5)},
		},
		"none, and a stop": {
			daemontest.Steps{at(20.5, kill), at(21, daemontest.Command(stopIt))},
			daemontest.Want{daemontest.ExitOf(stopIt, 0), daemontest.NeverReady(), endsAt(21), daemontest.Stdout("poller: PID 10000 has stopped\n")},
		},
		"none, and another death": {
			daemontest.Steps{at(20.5, kill), at(21, kill), stopAt(40.7)},
			daemontest.Want{deaths(2), noStartBetween(20.1, 24), startsBetween(24, 26)},
		},
		"none, and a bad program": {
			daemontest.Steps{at(10, daemontest.BreakBinary(errors.New("no such setting"))), at(20.5, kill), stopAt(30.7)},
			daemontest.Want{daemontest.Logs("Restart Refused"), startsBetween(22.2, 23)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, equipped(core.Standby()), daemontest.Scenario{
				Args: "-d -p poller.pid", Steps: c.steps,
				Want: append(c.want, daemontest.Exit(0), daemontest.NoFile(pidPath), daemontest.NoFile(statePath), daemontest.LockReleased()),
			})
		})
	}
	// A process of another machine has taken over: it cannot tell of the death.
	play(t, leased(core.Standby()), daemontest.Scenario{
		Args:  "-d",
		Steps: daemontest.Steps{at(20.5, kill, daemontest.StealLock(leaseURL)), at(40, daemontest.FreeLock(leaseURL)), stopAt(60.7)},
		Want: daemontest.Want{
			daemontest.Exit(0), deaths(1), daemontest.Mails(1), daemontest.Logs("Another machine has taken over: "), startsBetween(40, 41), daemontest.Restarts(0),
		},
	})
}

// A restart that is asked for cuts the pause after a death short. Where the next program
// is refused, the one that runs sets up.
func TestTheRestartAfterADeath(t *testing.T) {
	play(t, equipped(), daemontest.Scenario{
		Args: "-d -p poller.pid", Steps: daemontest.Steps{at(20.5, kill), at(21, daemontest.Command(restartIt)), stopAt(30.7)},
		Want: daemontest.Want{daemontest.Exit(0), daemontest.ExitOf(restartIt, 0), noStartBetween(20.1, 21), startsBetween(21, 21.5)},
	})
	play(t, equipped(core.Setup(does("setup"))), daemontest.Scenario{
		Args: "-d -p poller.pid", Steps: daemontest.Steps{at(10, daemontest.BreakBinary(errors.New("no such setting"))), at(20.5, kill), stopAt(30.7)},
		Want: daemontest.Want{daemontest.Exit(0), daemontest.Restarts(0), daemontest.Logs("Restart Refused"), startsBetween(22.2, 23), daemontest.Mails(2), daemontest.LogsTimes("doing setup", 2)},
	})
}

// A watcher that is killed is followed by another one, in every state, which is logged
// once; a death after that is followed.
func TestAKilledWatcherIsFollowed(t *testing.T) {
	slowCheck := core.CheckEnvironment(func(ctx context.Context, d *core.Daemon) error {
		if d.Restarts() == 0 {
			return nil
		}
		return clockwork.Sleep(ctx, d.Clock(), time.Second)
	})
	slowEnd := core.Teardown(func(ctx context.Context, d *core.Daemon) error { return clockwork.Sleep(ctx, d.Clock(), 3*time.Second) })
	for name, c := range map[string]struct {
		option   core.Option
		args     string
		steps    daemontest.Steps
		watchers int
	}{
		"asleep":        {nil, "-d", daemontest.Steps{at(20.5, killWatcher), at(26.5, kill)}, 3},
		"executing":     {nil, "-d", daemontest.Steps{at(20.1, killWatcher), at(26.5, kill)}, 3},
		"backing off":   {nil, "-d", daemontest.Steps{at(20.5, kill), at(21, killWatcher), at(26.5, kill)}, 4},
		"setting up":    {slowSetup(), "-d", daemontest.Steps{at(20.5, hup), at(22, killWatcher), at(30.5, kill)}, 3},
		"checking":      {slowCheck, "-d", daemontest.Steps{at(20.5, hup), at(20.9, killWatcher), at(30.5, kill)}, 3},
		"tearing down":  {slowEnd, "-d", daemontest.Steps{at(20.5, hup), at(22, killWatcher), at(30.5, kill)}, 3},
		"twice in time": {nil, "-d", daemontest.Steps{at(20.5, killWatcher), at(23.5, killWatcher), at(30.5, kill)}, 4},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, equipped(c.option), daemontest.Scenario{
				Args: c.args, Execute: daemontest.Takes(200 * time.Millisecond), Steps: append(c.steps, stopAt(50.7)),
				Want: daemontest.Want{daemontest.Exit(0), daemontest.Watchers(c.watchers), daemontest.LockReleased()},
			})
		})
	}
}

// A watcher that cannot be started is tried again and again, and logged once.
func TestAWatcherThatCannotBeStarted(t *testing.T) {
	play(t, equipped(), daemontest.Scenario{
		Args:  "-d",
		Steps: daemontest.Steps{at(0, daemontest.RefuseWatchers(syscall.EAGAIN)), at(30.5, daemontest.RefuseWatchers(nil)), at(70.5, kill), stopAt(90.7)},
		Want: daemontest.Want{
			daemontest.Exit(0), daemontest.LogsTimes("Warning: no watcher can be started", 1), daemontest.LogsTimes("is the watcher now", 1),
			deaths(1), daemontest.Watchers(2),
		},
	})
}

// Somebody else starts the daemon before the watcher does: the lock decides, the death
// is told once, and what comes second says so.
func TestAnotherStartIsFasterThanTheWatcher(t *testing.T) {
	hang, goOn := daemontest.SignalWatcher(syscall.SIGSTOP), daemontest.SignalWatcher(syscall.SIGCONT)
	play(t, equipped(), daemontest.Scenario{
		Args:  "-d",
		Steps: daemontest.Steps{at(20.1, hang), at(20.5, kill), at(21, daemontest.Command("-d -p poller.pid")), at(22, goOn), at(30.7, daemontest.Command(stopIt))},
		Want: daemontest.Want{
			daemontest.Exit(0), deaths(1), daemontest.Logs("Shutting Down: Lock Detected"), daemontest.NeverReady(),
			daemontest.ExitOf(stopIt, 0), daemontest.LockReleased(), daemontest.FileContains(logPath, "10000 Shutting Down: Lock Detected"),
		},
	})
	play(t, equipped(core.Standby()), daemontest.Scenario{
		Args:  "-d",
		Steps: daemontest.Steps{at(20.1, hang), at(20.5, kill), at(21, daemontest.Command("-d -p poller.pid")), at(22, goOn), at(30.7, daemontest.Command(stopIt)), stopAt(40.7)},
		Want: daemontest.Want{
			daemontest.Exit(0), deaths(1), daemontest.Logs("Standing by"), daemontest.ExitOf(stopIt, 0), daemontest.LockReleased(), startsBetween(30.7, 32),
		},
	})
}

// Where a supervisor starts the daemon again, and in the foreground, there is no watcher.
func TestWhoHasNoWatcher(t *testing.T) {
	for name, s := range map[string]daemontest.Scenario{
		"supervised":     {Args: "-d", Supervised: true, Want: daemontest.Want{daemontest.Exit(0)}},
		"the foreground": {Want: daemontest.Want{daemontest.Exit(0)}},
		"none declared":  {Args: "-d", Want: daemontest.Want{daemontest.Exit(0)}},
	} {
		t.Run(name, func(t *testing.T) {
			s.Steps = daemontest.Steps{at(12, hup), stopAt(20.7)}
			s.Want = append(s.Want, daemontest.Watchers(0))
			var option core.Option
			if name == "none declared" {
				option = core.Unwatched()
			}
			play(t, equipped(option), s)
		})
	}
}
