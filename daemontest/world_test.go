package daemontest

import (
	"context"
	"errors"
	"syscall"
	"testing"
	"time"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/daemontest/internal/timeline"
	"github.com/evertick/evertick/daemontest/internal/world"
)

const logFile = "/var/log/poller/2026-01-01.log"

// A process that is killed while the next binary is being tried takes the trial
// with it.
func TestAKillDuringATrial(t *testing.T) {
	for _, hangs := range []Action{Do("nothing", func(*World) {}), HangBinary()} {
		Run(t, poller, Scenario{
			Execute: Instantly(),
			Steps: Steps{
				At(6*time.Second, hangs, Signal(syscall.SIGHUP)), At(6*time.Second+10*time.Millisecond, Signal(syscall.SIGKILL)),
			},
			Want: Want{Killed(), EndsAt(6*time.Second + 10*time.Millisecond), Restarts(0), LastLog("Restart Asked: SIGHUP"), LockReleased()},
		})
	}
}

// A process that is stopped during an iteration does nothing until it goes on:
// no iteration ends, no mail is sent, no line is written, no lease renewed.
func TestAStopDuringExecuteStopsEverything(t *testing.T) {
	Run(t, poller, Scenario{
		Options: []core.Option{core.WithLock(Leased("memory:poller", time.Minute))},
		Execute: Script{}.Except(1, 6*time.Second).DoesAt(2, func(_ context.Context, d *core.Daemon) error {
			time.Sleep(3 * time.Second) // until 9 s, if the process were not stopped
			d.Logf("the second one is done")
			return nil
		}),
		Steps: Steps{
			At(4500*time.Millisecond, MailTakes(3*time.Second)),
			At(7*time.Second-time.Millisecond, Signal(syscall.SIGSTOP), Signal(syscall.SIGUSR1)),
			At(20*time.Second, Do("look", func(w *World) {
				if content, _ := w.File(logFile); len(w.Mails()) > 0 || len(content) == 0 {
					w.Fail("mails %v, log %q", w.Mails(), content)
				}
			})),
			At(27*time.Second, Signal(syscall.SIGCONT)),
			stopAt(34 * time.Second),
		},
		Want: Want{
			IterationsAt(seconds(0, 6, 27, 30)...), Overruns(2), MissedTicks(5), Mails(2), Exit(0), Logs("the second one is done"),
			Check("nothing to happen while it was stopped", func(r *Result) error {
				if n := r.timeline().Count(func(e timeline.Entry) bool { return e.PID != 0 && e.At > 7*time.Second && e.At < 27*time.Second }); n > 0 {
					return errors.New(r.Timeline())
				}
				return nil
			}),
		},
		Orders: 10,
	})
}

// Signals that come to a stopped process arrive when it goes on, before it does
// anything else.
func TestSignalsWaitForAStoppedProcess(t *testing.T) {
	Run(t, poller, Scenario{
		Execute: Instantly(),
		Steps: Steps{
			At(time.Second, Signal(syscall.SIGSTOP)), At(2*time.Second, Signal(syscall.SIGTERM)), At(12*time.Second, Signal(syscall.SIGCONT)),
		},
		Want:   Want{Iterations(1), Exit(0), EndsAt(12 * time.Second), LogsTimes("SIGTERM", 1)},
		Orders: 20,
	})
	Run(t, poller, Scenario{
		Execute: Instantly(),
		Steps:   Steps{At(time.Second, Signal(syscall.SIGSTOP)), At(2*time.Second, Signal(syscall.SIGKILL))},
		Want:    Want{Iterations(1), Killed(), EndsAt(2 * time.Second)},
	})
}

// Programs may run at the instant of a tick, and several at once.
func TestCommandsAtTheInstantOfATick(t *testing.T) {
	Run(t, poller, Scenario{
		Args:    "-d -p poller.pid",
		Execute: Instantly(),
		Steps: Steps{
			At(5*time.Second, Command("-s dump -p poller.pid")),
			At(10*time.Second, Command("-v"), Command("-s restart -p poller.pid"), Command("-p other.pid")),
			At(20*time.Second, Command("-s stop -p poller.pid")),
		},
		Want: Want{
			ExitOf("-s dump -p poller.pid", 0), ExitOf("-v", 0), ExitOf("-s restart -p poller.pid", 0), ExitOf("-p other.pid", 0),
			ExitOf("-s stop -p poller.pid", 0), Stdout("Dump of poller"), Stdout("has restarted in place"), Stdout("has stopped"),
			LogsTimes("Lock Detected", 2), Restarts(1), Exit(0), LockReleased(), NoFile("poller.pid"), NoFile("other.pid"), MissedTicks(0),
		},
		Orders: 40,
	})
}

// What is wanted counts all processes. The end, and a signal, are those of the
// scenario's own daemon; others are named by the command line that started them.
func TestDaemonsAreNamedByTheirCommandLines(t *testing.T) {
	const next = "-d -p poller.pid"
	Run(t, poller, Scenario{
		Args:    "-p poller.pid",
		Execute: Takes(time.Second).Except(2, 6*time.Second),
		Steps: Steps{
			At(2*time.Second, Command("-p poller.pid")), // refused
			At(13*time.Second, Signal(syscall.SIGKILL)),
			At(20*time.Second, Command(next)),
			At(33*time.Second, SignalTo(next, syscall.SIGHUP)),
			AfterIteration(4, 2*time.Second, SignalTo(next, syscall.SIGTERM)).Of(next),
		},
		Want: Want{
			IterationsAt(seconds(0, 5, 11, 20, 25, 31, 35)...), Overruns(2), MissedTicks(2), Restarts(1),
			Killed(), EndsAt(13 * time.Second), ExitOf(next, 0), Of(next, Exit(0), EndsAt(38*time.Second)),
			LockReleased(), NoFile("poller.pid"),
		},
	})
	r := Run(t, poller, Scenario{
		Options: []core.Option{core.Standby()},
		Execute: Instantly(),
		Steps: Steps{
			At(2*time.Second, Command("-v")), At(12*time.Second, Signal(syscall.SIGKILL)), At(20*time.Second, SignalTo("-v", syscall.SIGTERM)),
		},
		Want: Want{Killed(), ExitOf("-v", 0), Of("-v", EndsAt(20*time.Second)), Logs("Standing by."), LockReleased()},
	})
	if pid := r.World().PID(); pid != world.FirstPID {
		t.Errorf("the scenario's own daemon is PID %d", pid)
	}
}

// A lock that a daemon held when it exited by itself is found; one that a kill
// has freed does not count.
func TestALockThatIsKeptIsFound(t *testing.T) {
	s := Scenario{
		Execute: Instantly(),
		Steps:   Steps{At(time.Second, LockOutage(errors.New("connection refused"))), stopAt(2 * time.Second)},
		Want:    Want{LockReleased()},
	}
	_, verdict := examine(t, poller, s)
	says(t, verdict, "want every lock to be released, got some still held: file:/run/poller.lock")
	s.Steps[0] = s.Steps[0].Maybe()
	s.Steps[1] = At(2*time.Second, Signal(syscall.SIGKILL))
	s.Want = append(s.Want, Killed())
	Run(t, poller, s)
}

// What an earlier generation does, or a process that was killed, has no effect.
func TestAnEarlierGenerationHasNoEffect(t *testing.T) {
	talk := func(_ context.Context, d *core.Daemon) error {
		if d.Iteration() > 1 {
			return nil
		}
		time.Sleep(30 * time.Second) // whatever its context says
		d.Logf("a line of an earlier generation")
		d.Alertf("a mail of an earlier generation")
		return nil
	}
	Run(t, poller, Scenario{
		Args:    "-d",
		Options: []core.Option{core.IterationTimeout(3 * time.Second)},
		Execute: Does(talk),
		Steps:   Steps{stopAt(time.Minute)},
		Want: Want{
			Restarts(1), NoLog("earlier generation"), MailContains("time-out"), Mails(1), Exit(0),
			Check("the first iteration to have no end", func(r *Result) error {
				if r.timeline().Count(func(e timeline.Entry) bool { return isExecute(e) && e.N == 1 && !e.Done }) != 1 {
					return errors.New("it has one")
				}
				return nil
			}),
		},
	})
	Run(t, poller, Scenario{
		Execute: Does(talk), Steps: Steps{At(time.Second, Signal(syscall.SIGKILL))}, Want: Want{NoLog("earlier generation"), Mails(0), Killed()},
	})
}

// Steps that wait for an event happen once, also when it is the last thing that
// the daemon does.
func TestStepsAfterEvents(t *testing.T) {
	var at []time.Duration
	note := Do("note", func(w *World) { at = append(at, w.Now().Truncate(time.Millisecond)) })
	Run(t, poller, Scenario{
		Execute: Takes(time.Second),
		Steps: Steps{
			At(0, Do("begin", func(*World) { at = nil })), DuringIteration(2, time.Second/2, note), AfterIteration(2, 2*time.Second, note),
			AfterLog("Shutdown Complete", time.Minute, note, Command("-v")),
			stopAt(8 * time.Second), At(80*time.Second, SignalTo("-v", syscall.SIGINT)),
		},
		Want: Want{Exit(0), EndsAt(8 * time.Second), Of("-v", Exit(0), EndsAt(80*time.Second)), Iterations(5)},
	})
	want := seconds(5.5, 8, 68)
	if len(at) != len(want) || at[0] != want[0] || at[1] != want[1] || at[2] != want[2] {
		t.Errorf("the steps were done at %v, want %v", at, want)
	}
}

// A script with rules and no base leaves the other iterations to the daemon's
// own Execute.
func TestAScriptMayLeaveIterationsToTheDaemon(t *testing.T) {
	Run(t, poller, Scenario{
		Options: []core.Option{core.MaxConsecutiveFailures(9), core.Execute(func(_ context.Context, d *core.Daemon) error {
			d.Logf("my own %d", d.Iteration())
			return nil
		})},
		Execute: Script{}.FailsAt(2, errors.New("boom")).Except(3, time.Second).PanicsAt(4, "argh").FailsFrom(6, errors.New("")),
		Steps:   Steps{stopAt(31 * time.Second)},
		Want:    Want{Iterations(7), Failures(4), LogsTimes("my own", 2), Logs("my own 1"), Logs("my own 5"), Exit(0)},
	})
}

// A slow or broken mail server holds up nothing.
func TestMailServersMayBeBad(t *testing.T) {
	Run(t, poller, Scenario{
		Execute: Takes(6 * time.Second),
		Steps: Steps{
			At(0, MailTakes(time.Hour)), At(20*time.Second, MailTakes(time.Second)), At(43500*time.Millisecond, MailDown(errors.New("451 later"))), stopAt(55 * time.Second),
		},
		Want: Want{
			IterationsAt(seconds(0, 6, 12, 18, 24, 30, 36, 42, 48, 54)...), Exit(0),
			Logs("was not delivered: mail: context deadline exceeded"), Logs("was not delivered: mail: 451 later"), Mails(1),
		},
	})
}

// The world's wall clock moves by steps, and no timer notices.
func TestTheWallClockSteps(t *testing.T) {
	start := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	Run(t, poller, Scenario{
		Start:   start,
		Execute: Does(func(_ context.Context, d *core.Daemon) error { d.Logf("%s", d.Clock().Wall()); return nil }),
		Steps:   Steps{At(2*time.Second, StepWallClock(-time.Hour)), At(7*time.Second, StepWallClock(2*time.Hour)), stopAt(12 * time.Second)},
		Want: Want{
			IterationsAt(seconds(0, 5, 10)...), Logs("2026-11-23 08:00:00"), Logs("2026-11-23 07:00:05"), Logs("2026-11-23 09:00:10"),
		},
	})
}

// A daemon that is stopped answers nobody; the command says so in the words of
// the real one.
func TestAStoppedDaemonGivesNoReply(t *testing.T) {
	const dump = "-s dump -p d.pid"
	Run(t, beater, Scenario{
		Args: "-p d.pid", Execute: Instantly(),
		Steps: Steps{
			At(1500*time.Millisecond, Signal(syscall.SIGSTOP)),
			At(2*time.Second, Command(dump)),
			At(time.Minute, Signal(syscall.SIGCONT)),
			stopAt(62 * time.Second),
		},
		Want: Want{Exit(0), ExitOf(dump, 1), Stderr("PID 100 was signalled; PID file: no reply at /world/d.pid.reply: context deadline exceeded")},
	})
}
