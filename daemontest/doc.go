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
// [Signal], [Exit], [Killed], [EndsAt] and the iterations that steps wait for are
// those of the scenario's own daemon: the process of Scenario.Args or, with -d in
// them, the daemon that it launched. Those that a Command has started are named
// by its command line: [SignalTo], [Of], [Step.Of]; [ExitOf] is the end of the
// command itself.
//
// # No scenario passes by accident
//
// What a scenario says must have had something to hold on to, or it fails:
//
//   - Its own daemon becomes ready: its loop starts. [NeverReady] says that it
//     must not; so does an exit status other than 0 that is wanted.
//   - A process that ends with another status than 0 is spoken of, by Exit,
//     ExitOf, Killed or Of.
//   - Each step comes and finds what it acts on, and each rule of the script has
//     its iteration. [Step.Maybe] and [Script.Maybe] say where that is not sure.
//   - Each lock, file and path that is named is one that a daemon uses. A lock is
//     named as by the daemon: file:x.lock is one in [Dir].
//   - Log lines reach somebody, or do not count for [Logs]: with -d and without a
//     log file they go nowhere. The timeline has them, marked.
//
// docs/testing.md lists ways to write a wrong test, with what a failure says.
//
// # Processes and generations
//
// A [World] has processes, as a machine has. A restart is played as exec would
// do it: the harness builds the daemon again through New, as the next
// generation of the same process. So a variable that New declares is a new one
// in each generation. One that is declared outside of New keeps its value, which
// a real exec would not let it.
//
// What exec has replaced, or SIGKILL has ended, is swept away as far as that can
// be played: its contexts do not end, none of its calls of the harness returns,
// and no deferred function that waits behind one runs before the scenario is
// judged; its folder is cut off, so that [core.Daemon.Path] leads nowhere. What
// the harness cannot take from it: a time.Sleep of your own still ends, and what
// it has open by itself stays open, such as a file or a database.
//
// A signal that the daemon does not listen for has the effect that the Go
// runtime gives it: SIGUSR2, SIGALRM, SIGPIPE and most others do nothing, SIGQUIT
// and SIGABRT end the process with status 2 and a stack on standard error, and
// SIGTSTP stops it, unless -d or a supervisor has given it a session of its own.
// Between two generations the kernel's defaults hold, which end the process on
// SIGXCPU, too; what the daemon listens for is ignored there, except SIGINT and
// SIGTERM, and so are SIGUSR2, SIGALRM, SIGVTALRM and SIGIO. A signal that is sent again while the first one waits is merged with
// it.
//
// A process that was sent SIGSTOP does nothing until SIGCONT: it writes no
// line, sends no mail, renews no lease, its timers do not fire, and a look at its
// clock waits. Only code of your own that sleeps by package time goes on
// meanwhile, up to its next call of the daemon.
//
// # Children
//
// A task that the daemon forks (package forker) is played with no process
// started: the child runs the task's own function in a goroutine of the bubble,
// with its context, Logf and Alertf, and what it writes to Child.Stdout and
// Child.Stderr. [Scenario.Children] has the children of a task do something else,
// by its name:
//
//	Children: map[string]daemontest.ChildScript{
//		"resize": daemontest.Child().Takes(time.Second).Returns(12).
//			Except(3, daemontest.Child().Crashes(syscall.SIGSEGV)),
//	},
//
// A pool of workers is named as a task is; [ChildScript.InCall] scripts single
// calls of its methods:
//
//	"resizers": daemontest.Child().InCall("resize", 3, daemontest.Child().Exits(2)),
//
// A child has a PID, a line in the timeline for its start and its end, and lanes
// of its own. Signals have the effect that they have on a child that runs a task:
// SIGTERM ends the context, SIGKILL the child. It dies with its daemon, and when
// that executes its next program. [SignalChild] signals it, [AfterFork] waits for
// its start; [Forks], [ChildEnds], [AtMostChildren] and [ChildrenGone] are what can
// be wanted. A daemon that ends, or restarts, while a child of it lives or was not
// reaped fails the scenario; so does a child that ends with another status than 0
// of which neither its script nor a signal nor a want speaks.
//
// A child that has ended does nothing more, as far as that can be played: its
// calls of the harness do not return, and the paths in its argument lead nowhere.
// What the play has in common with its daemon, and a process would not: the
// variables of the program, the environment and the working directory. A task's
// os.Exit and fmt.Print, and a panic in a goroutine of its own, are the test
// binary's. The limits of memory and the nice level have no effect.
//
// # Files
//
// The world's files are real ones, in a temporary folder: [Dir] is only how it is
// printed. The daemon's log, its PID file and its file locks are there, by the
// same code as in production; so a renamed, deleted or truncated file, a symbolic
// link or a folder that is missing has the effect that it has. Code of your own
// finds its files by [core.Daemon.Path], and a step by [World.Path], for package
// os. An absolute path of a log, lock or PID file, such as /run/x.pid, is one in
// the world. It has the folders of a fresh machine, and those that systemd makes
// for a service: NAME in /run, /etc, /var/log, /var/lib and /var/cache.
// Scenario.Files makes others.
//
// [DiskFull], [DiskRoom], [DiskTakes], [DiskReadOnly] and [DenyFile] are faults of what the
// daemon itself writes; what your own code writes does not meet them. The log has
// the world's time as its modification time; files of your own have the real one.
//
// time.Now in a scenario agrees with Scenario.Start. [StepWallClock] and [Suspend]
// move the daemon's wall clock alone; [Suspend] its Boot, too, by which leases end.
//
// # Locks
//
// Lock files are real ones. All other locks are kept in one store, which is
// reached as over a network and has faults of its own: it is out of order
// ([LockOutage]) or slow ([LockTakes]), its answers are lost ([LockAnswersLost]),
// it pauses ([LockPauses]), forgets a lock ([FreeLock]) or gives it to somebody else
// ([StealLock]), cannot be watched ([LockUnwatched]), and its clock is another one
// than the daemon's ([StepLockClock]). A store sees a process die that holds a lock
// without a TTL, and no other: see [Leased].
//
// # The network
//
// A daemon that speaks HTTP, or another protocol over TCP, does so over a
// [Network] in memory. The test says what serves at a host's name, gives the
// network to Scenario.Network, and its client to the daemon:
//
//	var api daemontest.Network
//	api.Handle("api.example.com", handler) // an http.Handler
//	client.Transport = api.Client().Transport
//
// The real client and server of net/http run over it. Hosts are slow, hang,
// refuse and reset connections by actions: [HostTakes], [HostBandwidth],
// [HostHangs], [HostRefuses], [HostResets], [HostUnknown].
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
// close. So each scenario is played twice, and the first line that differs is
// named; -daemontest.check=N plays it N times, and 1 once. Variables of your test
// that Execute or a step changes are changed by each play.
//
// # What a bubble cannot do
//
// The bubble's clock moves when every goroutine in it waits for another one of
// them, or for time. In it, time.Sleep and context.WithTimeout obey the same
// clock as the daemon. What waits for the world outside stops the clock, and
// the watchdog then says which goroutine does so, where, and what to write
// instead; on standard error at once, and as the scenario's failure:
//
//   - A network connection, even on the loopback, after a second at most: see
//     above. From http.DefaultTransport a scenario gets none.
//   - A child process of package os/exec, which runs for real: make it a task of
//     package forker, or script what it would do.
//   - A channel, timer, wait group or client that was made outside: make it in
//     New or in Setup.
//   - A mutex that is held while its holder sleeps: a channel of one slot is a
//     lock that bubbles understand.
//
// A connection or a child process that takes some time, but less than that,
// is noted in the test's log.
//
// Files that a killed program had open through package os or SQLite stay open
// until the verdict, with their locks. So the step that kills it puts copies in
// their place ([World.File] and [WriteFile]; of an SQLite database also -journal
// or -wal), as examples/drainer does. Plain fcntl locks belong to the process:
// two simulated processes do not exclude each other by them. Those of flock and
// OFD locks do. For a busy database SQLite waits a time that
// github.com/ncruces/go-sqlite3 leaves to chance, and real time with
// modernc.org/sqlite.
//
// A goroutine that is left when all processes have ended fails the scenario,
// unless it wakes within an hour and ends. A panic in a goroutine of your own
// kills the test binary, as it would kill the daemon; everywhere else it is
// caught and reported. os.Exit, and so log.Fatal, ends the test binary. t.FailNow,
// t.Fatal and testify's require end the goroutine that they are called in, so in
// Execute they end an iteration, with an error; t.Error and [World.Fail] do not.
//
// The signals of a scenario do not reach signal.Notify: see core.OnSignal. An
// absolute path that code of your own gives to package os is one of the real
// machine; relative ones that it gets from the daemon's Path are in the world.
//
// # Flags
//
//	-daemontest.seed=N      seed of scenarios that name none (1)
//	-daemontest.check=N     play each scenario N times and compare (2)
//	-daemontest.update      rewrite golden timelines
//	-daemontest.watchdog=D  real time without progress that counts as hung (10s)
//
// The environment variable DAEMONTEST_CHECK sets the default of
// -daemontest.check, for CI.
package daemontest
