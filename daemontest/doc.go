// Package daemontest plays the whole life of a daemon in a test: days of ticks,
// overruns, signals, restarts, lost locks and failing mail servers, in
// milliseconds and always the same to the byte.
//
// It runs the real daemon and not a model of it: the same declaration, command
// line, loop, restart and lock code, in a bubble of testing/synctest, on a
// simulated machine. What the daemon sleeps takes no time.
//
//	func TestPollerOutlivesASlowAPI(t *testing.T) {
//		daemontest.Run(t, New, daemontest.Scenario{
//			Args:    "-d -p poller.pid",
//			Execute: daemontest.Takes(200*time.Millisecond).Except(3, 7*time.Second),
//			Steps: daemontest.Steps{
//				daemontest.At(12*time.Second, daemontest.Signal(syscall.SIGUSR1)),
//				daemontest.At(31*time.Second, daemontest.Signal(syscall.SIGTERM)),
//			},
//			Want: daemontest.Want{
//				daemontest.Iterations(7), daemontest.Overruns(1),
//				daemontest.Logs("Run Loop Taking Too Long"),
//				daemontest.Mails(1), daemontest.Exit(0), daemontest.LockReleased(),
//			},
//		})
//	}
//
// New is the function that the program itself calls in main; it hands its
// extra options on to core.New. Such a life is read in its timeline:
// testdata/slow-api.golden is that of the scenario above.
//
// # The scenario
//
// [Scenario] declares such a life. Execute is a [Script]: [Takes], [Instantly]
// or [Does] for every iteration, and rules for some of them (it overruns,
// fails, panics, hangs). Without a script the daemon's own Execute runs; a
// script of rules alone, Script{}.FailsAt(3, err), leaves the other iterations
// to it.
//
// [Steps] are what happens beside the daemon: [At] a time, [AfterLog] of a
// line, [AfterIteration] or [DuringIteration] n. Each step has actions: signals,
// the program run once more ([Command], for -s stop or a second instance),
// files, disk, mail server, lock store, wall clock, binary; [Do] is for your
// own. Steps of one instant happen in their written order, unless
// [Step.AnyOrder] says otherwise. A scenario is over when no process is left
// and no step is to come.
//
// [Want] is what must be true then. Everything that is not true is reported
// together, with the timeline and a > before each line to look at. [Golden]
// compares the whole timeline with a file, and -daemontest.update rewrites that.
//
// # Processes and generations
//
// A [World] has processes, as a machine has. A restart is played as exec would
// do it: the harness builds the daemon again through New, as the next
// generation of the same process. What an earlier generation still does has no
// effect, as if exec had swept it away; the same holds for a process that was
// killed. So a variable that New declares is a new one in each generation. One
// that is declared outside of New keeps its value, which a real exec would not
// let it.
//
// A process that was sent SIGSTOP does nothing until SIGCONT: it writes no
// line, sends no mail, renews no lease, and a look at its clock waits. Only
// code of your own that sleeps by package time goes on meanwhile, up to its
// next call of the daemon.
//
// # Always the same
//
// The same scenario with the same seed yields the same timeline. What is due at
// one instant is put in order by lanes: each process, and each step, wakes a few
// nanoseconds before or after the others, in an order that the seed alone
// decides. Times are whole microseconds for the daemon, and rounded where they
// are printed. What one process does to another arrives when the other one's
// lane comes next. Scenario.Orders plays many seeds, and so many orders; a
// failure names the seed that shows it again.
//
// Chance in your own code remains: package rand, the order of a map, state that
// outlives a play, goroutines that sleep to the same instant or are woken by one
// close. -daemontest.check=N finds it: it plays each scenario N times and names
// the first line that differs.
//
// # What a bubble cannot do
//
// The bubble's clock moves when every goroutine in it waits for another one of
// them, or for time. In it, time.Sleep and context.WithTimeout obey the same
// clock as the daemon. What waits for the world outside stops the clock, and
// the watchdog then says which goroutine does so, and where:
//
//   - A network connection, even on the loopback: use net.Pipe, which works
//     with deadlines, too.
//   - A child process: script what it would do.
//   - A channel, timer or wait group that was made outside: make it in New or
//     in Setup.
//   - A mutex that is held while its holder sleeps: a channel of one slot is a
//     lock that bubbles understand.
//
// A goroutine that is left when all processes have ended fails the scenario,
// unless it wakes within an hour and ends. A panic in a goroutine of your own
// kills the test binary, as it would kill the daemon; everywhere else it is
// caught and reported. t.FailNow, t.Fatal and testify's require end the goroutine
// that they are called in, so in Execute they end an iteration, with an error;
// t.Error and [World.Fail] do not.
//
// # Flags
//
//	-daemontest.seed=N      seed of scenarios that name none (1)
//	-daemontest.check=N     play each scenario N times and compare (1)
//	-daemontest.update      rewrite golden timelines
//	-daemontest.watchdog=D  real time without progress that counts as hung (10s)
//
// The environment variable DAEMONTEST_CHECK sets the default of
// -daemontest.check, for CI.
package daemontest
