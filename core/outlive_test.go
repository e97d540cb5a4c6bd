package core_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/daemontest"
	"github.com/evertick/evertick/forker"
	"github.com/evertick/evertick/logfile"
)

// What becomes of a task that outlives a restart, in each state of its daemon.

// outlives forks one such child in the first iteration of the first program, and
// waits for its result; each next one asks for those that it was handed.
func outlives(options ...forker.Option) core.Option {
	wait := func(d *core.Daemon, h *forker.Handle[string]) {
		go func() {
			result, err := h.Wait(context.Background())
			select {
			case <-d.Stopping():
				if strings.Contains(fmt.Sprint(err), "SIGKILL") {
					return // the daemon may end at this instant, too
				}
			default:
			}
			d.Logf("doing read %q %v", result, err)
		}()
	}
	asked := map[*core.Daemon]bool{}
	return core.Execute(func(_ context.Context, d *core.Daemon) error {
		if d.Restarts() == 0 && d.Iteration() == 1 {
			h, err := obeys.Fork(d, "you", append(options, forker.OutliveRestart())...)
			if err != nil {
				return err
			}
			wait(d, h)
		}
		if d.Restarts() > 0 && !asked[d] {
			asked[d] = true
			for _, h := range obeys.Adopted(d) {
				wait(d, h)
			}
		}
		return nil
	})
}

// talks says something each second, and returns after a while.
func talks(d int) daemontest.ChildScript {
	s := daemontest.Child()
	for n := range d {
		s = s.Takes(time.Second).Logs(fmt.Sprintf("doing second %d", n+1))
	}
	return s.Returns("a result")
}

// teardownOfTwoSeconds takes two seconds.
var teardownOfTwoSeconds = core.Teardown(func(context.Context, *core.Daemon) error {
	time.Sleep(2 * time.Second)
	return nil
})

func TestTasksThatOutliveARestart(t *testing.T) {
	const killed, told = "killed by SIGKILL", "exit status 1"
	read := `read "a result" <nil>`
	for name, test := range map[string]struct {
		declare []core.Option
		child   daemontest.ChildScript
		steps   daemontest.Steps
		want    daemontest.Want
	}{
		"it goes on, is heard, and its result is read": {
			nil, talks(4),
			daemontest.Steps{at(2.5, hup), stopAt(6.5)},
			daemontest.Want{
				childEnds(1, 4, "exit status 0", "Shutdown Complete"), daemontest.Restarts(1),
				done("second 1", "second 2", "second 3", "second 4", read),
				daemontest.Logs("Adopted: child 102 (task obeys), which runs since 2026-01-01 00:00:00"),
			},
		},
		"also over two restarts": {
			nil, talks(6),
			daemontest.Steps{at(2.5, hup), at(4.5, hup), stopAt(8.5)},
			daemontest.Want{
				childEnds(1, 6, "exit status 0", "Shutdown Complete"), daemontest.Restarts(2),
				done("second 1", "second 2", "second 3", "second 4", "second 5", "second 6", read),
			},
		},
		"a stop afterwards tells it": {
			nil, busy,
			daemontest.Steps{at(2.5, hup), stopAt(4.5)},
			daemontest.Want{
				childEnds(1, 4.5, told, ""), daemontest.Restarts(1), daemontest.EndsAt(4500 * time.Millisecond),
				done(`read "" forker: task obeys (PID 102): the child was told to end: context canceled`),
			},
		},
		"a stop afterwards kills what hangs, after half of the time-out": {
			[]core.Option{core.Execute(func(_ context.Context, d *core.Daemon) error {
				if d.Restarts() > 0 || d.Iteration() > 1 {
					return nil
				}
				_, err := obeys.Fork(d, "you", forker.OutliveRestart())
				return err
			})},
			hung,
			daemontest.Steps{at(2.5, hup), stopAt(4.5)},
			daemontest.Want{childEnds(1, 9.5, killed, ""), daemontest.Restarts(1), daemontest.Logs("child 102 (task obeys) has not ended within 5s: it was killed")},
		},
		"a stop in the teardown before the exec tells it": {
			[]core.Option{teardownOfTwoSeconds},
			busy,
			daemontest.Steps{at(2.5, hup), stopAt(3.5)},
			daemontest.Want{childEnds(1, 4.52, told, "Shutdown Complete"), daemontest.Restarts(0)},
		},
		"its time-out goes on": {
			[]core.Option{outlives(forker.Timeout(4 * time.Second))},
			hung,
			daemontest.Steps{at(2.5, hup), stopAt(14.5)},
			daemontest.Want{
				childEnds(1, 9, killed, ""), daemontest.Restarts(1),
				done(`read "" forker: task obeys (PID 102): no result within its time-out of 4s: killed by SIGKILL`),
			},
		},
		"its grace goes on": {
			[]core.Option{outlives(forker.Timeout(2 * time.Second))},
			hung,
			daemontest.Steps{at(2.5, hup), stopAt(14.5)},
			daemontest.Want{
				childEnds(1, 7, killed, ""), daemontest.Restarts(1),
				done(`read "" forker: task obeys (PID 102): no result within its time-out of 2s: killed by SIGKILL`),
			},
		},
		"its limit of memory goes on": {
			[]core.Option{outlives(forker.Memory(200 << 20))},
			daemontest.Child().Takes(4 * time.Second).RunsOutOfMemory(),
			daemontest.Steps{at(2.5, hup), stopAt(6.5)},
			daemontest.Want{
				childEnds(1, 4, "exit status 2", ""), daemontest.Restarts(1),
				done(`read "" forker: task obeys (PID 102): out of memory: it needed more than its limit of 209715200 bytes (Memory)`),
			},
		},
		"what it has said of its crash is known": {
			[]core.Option{core.Execute(func(_ context.Context, d *core.Daemon) error {
				if d.Restarts() > 0 || d.Iteration() > 1 {
					return nil
				}
				_, err := obeys.Fork(d, "you", forker.OutliveRestart())
				return err
			})},
			daemontest.Child().PrintsError("panic: no row\n\ngoroutine 7 [running]:\nmain.rows()\n").Takes(4 * time.Second).Exits(2),
			daemontest.Steps{at(2.5, hup), stopAt(6.5)},
			daemontest.Want{
				childEnds(1, 4, "exit status 2", ""), daemontest.Restarts(1),
				daemontest.Logs("Error: forker: task obeys (PID 102): panic: no row"),
			},
		},
		"it ends in the teardown before the exec": {
			[]core.Option{teardownOfTwoSeconds},
			talks(4),
			daemontest.Steps{at(2.5, hup), stopAt(8.5)},
			daemontest.Want{
				childEnds(1, 4, "exit status 0", "exec: "), daemontest.Restarts(1),
				done("second 1", "second 2", "second 3", "second 4", read),
			},
		},
		"a failure that nobody asks for is logged": {
			nil, daemontest.Child().Takes(2600 * time.Millisecond).Fails(errors.New("no disk")),
			daemontest.Steps{at(2.5, hup), stopAt(4.5)},
			daemontest.Want{daemontest.ChildEnds("obeys", 1, told), daemontest.Logs("Error: forker: task obeys (PID 102): no disk")},
		},
		"a restart that is refused does not touch it": {
			nil, talks(4),
			daemontest.Steps{at(2, daemontest.BreakBinary(errors.New("no"))), at(2.5, hup), stopAt(6.5)},
			daemontest.Want{done("second 1", "second 2", "second 3", "second 4", read), daemontest.Restarts(0)},
		},
		"an exec that fails lets it go on": {
			[]core.Option{teardownOfTwoSeconds},
			talks(4),
			daemontest.Steps{at(2, daemontest.LoseBinary()), at(2.5, hup), stopAt(7.5)},
			daemontest.Want{
				done("second 1", "second 2", "second 3", "second 4", read), daemontest.Restarts(0),
				daemontest.Logs("Restart Refused"),
			},
		},
		"SIGKILL of the next program takes it along": {
			nil, hung,
			daemontest.Steps{at(2.5, hup), at(4.5, kill)},
			daemontest.Want{childEnds(1, 4.5, killed, ""), daemontest.Killed()},
		},
		"SIGKILL in the teardown before the exec takes it along": {
			[]core.Option{teardownOfTwoSeconds},
			hung,
			daemontest.Steps{at(2.5, hup), at(3.5, kill)},
			daemontest.Want{childEnds(1, 3.5, killed, ""), daemontest.Killed()},
		},
		"a teardown that hangs does not keep it from the next program": {
			[]core.Option{core.ShutdownTimeout(2 * time.Second), core.Teardown(func(ctx context.Context, d *core.Daemon) error {
				if d.Restarts() == 0 {
					return daemontest.Hangs(ctx, d)
				}
				return nil
			})},
			talks(8),
			daemontest.Steps{at(2.5, hup), stopAt(10.5)},
			daemontest.Want{childEnds(1, 8, "exit status 0", ""), daemontest.Restarts(1), daemontest.Logs("teardown does not return: it is left behind")},
		},
		"an Execute that is left behind, neither": {
			[]core.Option{core.IterationTimeout(3 * time.Second), core.Execute(func(ctx context.Context, d *core.Daemon) error {
				if d.Restarts() > 0 {
					return nil
				}
				if _, err := obeys.Fork(d, "you", forker.OutliveRestart()); err != nil {
					return err
				}
				return daemontest.Hangs(ctx, d)
			})},
			talks(8),
			daemontest.Steps{stopAt(14.5)},
			daemontest.Want{childEnds(1, 8, "exit status 0", ""), daemontest.Restarts(1)},
		},
		"a second SIGTERM kills it": {
			nil, hung,
			daemontest.Steps{at(2.5, hup), stopAt(4.5), stopAt(5.5)},
			daemontest.Want{childEnds(1, 5.5, killed, "Shutdown Complete"), daemontest.Exit(1)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			want := append(daemontest.Want{daemontest.ChildrenGone(), daemontest.Forks("obeys", 1)}, test.want...)
			play(t, equipped(append([]core.Option{core.Every(time.Second), core.Unwatched(), outlives()}, test.declare...)...), daemontest.Scenario{
				Args: "-d", Children: children(test.child), Steps: test.steps, Want: want,
			})
		})
	}
}

// A result that was waited for before the restart, and that nobody asks for
// after it, is told to be lost when the daemon ends.
func TestAResultThatNobodyAsksForIsLost(t *testing.T) {
	for awaited, want := range map[bool]daemontest.Expectation{
		true:  daemontest.LogsTimes("Error: forker: task obeys (PID 102): its result is lost", 1),
		false: daemontest.NoLog("is lost"),
	} {
		play(t, equipped(core.Execute(func(_ context.Context, d *core.Daemon) error {
			if d.Restarts() > 0 || d.Iteration() > 1 {
				return nil
			}
			h, err := obeys.Fork(d, "you", forker.OutliveRestart())
			if awaited {
				go func() { <-h.Done() }()
			}
			return err
		})), daemontest.Scenario{
			Args: "-d", Children: children(talks(4)), Steps: daemontest.Steps{at(2.5, hup), stopAt(6.5)},
			Want: daemontest.Want{daemontest.Exit(0), want, daemontest.ChildrenGone()},
		})
	}
}

// That is told at the next restart where it has ended before, and after two where it
// has not.
func TestALostResultIsToldOverRestarts(t *testing.T) {
	for name, test := range map[string]struct {
		takes int
		lost  float64
	}{"ended before the second": {4, 6.52}, "after it": {8, 10.5}} {
		t.Run(name, func(t *testing.T) {
			play(t, equipped(core.Execute(func(_ context.Context, d *core.Daemon) error {
				if d.Restarts() > 0 || d.Iteration() > 1 {
					return nil
				}
				h, err := obeys.Fork(d, "you", forker.OutliveRestart())
				go func() { <-h.Done() }()
				return err
			})), daemontest.Scenario{
				Args: "-d", Children: children(talks(test.takes)), Steps: daemontest.Steps{at(2.5, hup), at(6.5, hup), stopAt(10.5)},
				Want: daemontest.Want{
					daemontest.Exit(0), daemontest.Restarts(2), daemontest.ChildrenGone(),
					daemontest.LogsTimes("Error: forker: task obeys (PID 102): its result is lost", 1),
					daemontest.Check("it to be told in time", func(r *daemontest.Result) error {
						if at := r.LoggedAt("its result is lost"); len(at) != 1 || at[0].Round(time.Millisecond) != seconds(test.lost)[0] {
							return fmt.Errorf("it is told at %v, not %gs", at, test.lost)
						}
						return nil
					}),
				},
			})
		})
	}
}

// Those that were adopted count against the limits.
func TestAnAdoptedTaskTakesAPlace(t *testing.T) {
	play(t, equipped(
		core.Setup(func(_ context.Context, d *core.Daemon) error { d.Children().Max = 1; return nil }),
		core.Execute(func(_ context.Context, d *core.Daemon) error {
			_, err := obeys.Fork(d, "you", forker.OutliveRestart())
			switch {
			case err == nil:
				d.Logf("doing fork at %d", d.Iteration())
			case !errors.Is(err, forker.ErrFull):
				return err
			}
			return nil
		}),
	), daemontest.Scenario{
		Args: "-d", Children: children(daemontest.Child().Takes(3500 * time.Millisecond).Returns("")),
		Steps: daemontest.Steps{at(1.5, hup), stopAt(5.5)},
		Want:  daemontest.Want{daemontest.Exit(0), done("fork at 1", "fork at 5"), daemontest.AtMostChildren("obeys", 1), daemontest.ChildEnds("obeys", 2, "exit status 1")},
	})
}

// No task outlives the lock, however it is lost around a restart.
func TestNoTaskOutlivesTheLock(t *testing.T) {
	for name, test := range map[string]struct {
		steps daemontest.Steps
		want  daemontest.Want
	}{
		"lost in teardown": {
			daemontest.Steps{at(2.5, hup), at(3, daemontest.StealLock(cacheLock)), at(10, daemontest.FreeLock(cacheLock))},
			daemontest.Want{daemontest.Logs("Lock Lost"), daemontest.NoLog("Adopted")},
		},
		"not had again after the exec": {
			daemontest.Steps{at(2.5, hup), at(3, daemontest.LockOutage(errors.New("down"))), at(10, daemontest.LockOutage(nil))},
			daemontest.Want{daemontest.Logs("Adopted"), daemontest.Logs("standing by, because the lock cannot be asked for")},
		},
		"lost before the exec, and won again at once after it": {
			daemontest.Steps{at(2.5, hup), at(4.2, daemontest.FreeLock(cacheLock))},
			daemontest.Want{
				daemontest.Logs("Adopted"), daemontest.Logs("the lock was lost during the restart, and is asked for again"),
				daemontest.NoLog("Lock Lost"), daemontest.NoLog("tanding by"),
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, poller(
				core.Every(time.Second), outlives(), teardownOfTwoSeconds,
				core.WithLock(daemontest.Leased(cacheLock, 20*time.Second)), core.WithLog(logfile.Fixed(logPath)), core.Standby(),
			), daemontest.Scenario{
				Args: "-d", Children: children(hung),
				Steps: append(test.steps, stopAt(40)),
				Want: append(test.want,
					daemontest.Restarts(1), daemontest.ChildrenGone(), daemontest.Exit(0),
					daemontest.Check("a child that is killed within 2s of the loss", func(r *daemontest.Result) error {
						if ended := firstEnd(t, r, "killed by SIGKILL"); ended > 7*time.Second {
							return fmt.Errorf("it ended at %s", ended)
						}
						return nil
					}),
				),
			})
		})
	}
}

// The old one is ended for want of the lock, while the next program has that
// again and goes on.
func TestANewTaskDoesNotEndWithAnOldOne(t *testing.T) {
	play(t, poller(
		core.Every(time.Second), teardownOfTwoSeconds, core.WithLog(logfile.Fixed(logPath)),
		core.Execute(func(_ context.Context, d *core.Daemon) error {
			if d.Iteration() != 1 && d.Iteration() != 4 {
				return nil
			}
			_, err := obeys.Fork(d, "you", forker.OutliveRestart())
			return err
		}),
		core.WithLock(daemontest.Leased(cacheLock, 20*time.Second)),
	), daemontest.Scenario{
		Args: "-d", Children: children(daemontest.Child().Takes(4*time.Second).Returns("").Except(1, hung)),
		Steps: daemontest.Steps{
			at(2.5, hup), at(4.2, daemontest.LockOutage(errors.New("down"))), at(4.6, daemontest.LockOutage(nil)), stopAt(20),
		},
		Want: daemontest.Want{
			daemontest.Exit(0), daemontest.Restarts(1), daemontest.ChildrenGone(), daemontest.Forks("obeys", 2),
			childEnds(1, 5.52, "killed by SIGKILL", ""), daemontest.ChildEnds("obeys", 2, "exit status 0"),
		},
	})
}

// Where the checks of the next program fail, the task waits for the one after it,
// however many there are.
func TestATaskOutlivesChecksThatFail(t *testing.T) {
	play(t, equipped(core.Every(time.Second), outlives(), awayAfterExec(14, 60)), daemontest.Scenario{
		Args: "-d", Children: children(daemontest.Child().Takes(30 * time.Second).Logs("doing page").Returns("a result")),
		Steps: daemontest.Steps{at(14.5, hup), stopAt(150.5)},
		Want: daemontest.Want{
			daemontest.Exit(0), daemontest.ChildrenGone(), childEnds(1, 30, "exit status 0", ""),
			done("page", `read "a result" <nil>`), daemontest.Logs("no database"),
		},
	})
}
