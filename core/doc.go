// Package core is the daemon: a program that runs one function again and
// again, on time, and keeps running.
//
//	func main() { New().Main() }
//
//	func New(extra ...core.Option) *core.Daemon {
//		return core.New("poller", append([]core.Option{
//			core.Every(5 * time.Second),
//			core.Execute(poll),
//		}, extra...)...)
//	}
//
// # What it promises
//
//   - Ticks stand on an absolute grid of the monotonic clock. No error
//     accumulates, iterations never overlap, and a step of the wall clock
//     moves nothing. A tick that is missed is counted, and never made up for
//     by a burst unless [MissedTicks] asks for it.
//   - Nothing is touched before everything was checked: all environment errors
//     are told together, and a daemon that finds its lock held leaves no trace.
//   - SIGHUP restarts in place: same PID, the binary executed again, the lock
//     never free for an instant, grid and counters carried over. The new
//     binary is tried first; one that would not start is refused, and the old
//     one keeps running.
//   - SIGTERM lets the iteration finish; a second one, or [ShutdownTimeout],
//     forces. A hung Execute blocks neither that nor a dump by SIGUSR1. One
//     that waits for its own work sees the stop in [Daemon.Stopping].
//   - A terminal that is closed is a SIGTERM to a daemon in its foreground. SIGHUP
//     and SIGINT that were ignored at the start (nohup, or & in a script) stay so,
//     but with -d, which resets them. SIGCONT starts an iteration off the grid, at
//     once: each one that comes while the daemon sleeps.
//   - The exit status and the last line of the log always agree.
//
// # The life of a daemon
//
//  1. The command line is parsed: -H, -i, -d, -v, -p, -s, flags for the options
//     ([StandardFlags]), and flags of the user's own ([Flags], [Configure]).
//  2. The environment is checked: options, PID file, log, lock, alerts,
//     plugins ([Plugin]), the user's own [CheckEnvironment].
//  3. The lock is taken ([WithLock]), or waited for ([Standby]), beside which a
//     standby warms up ([WarmUp]); everybody else does so after step 4.
//  4. The PID file is written and the log opened.
//  5. Plugins are set up, then the daemon ([Setup]); readiness is reported to
//     the launcher and the supervisor.
//  6. [Execute] runs at each tick ([Every], [FixedDelay], [Scheduled],
//     [FirstTick]).
//  7. What was set up is torn down in reverse, and the daemon exits, or the
//     next program takes its place.
//
// An error or panic out of Execute is a fatal error: it is logged and alerted
// ([WithAlerts]); a daemon that runs detached or under a supervisor backs off
// ([RestartBackoff]) and restarts in place, as often as it takes, unless it fails
// within the first 10 s of the process's life or more often than [MaxRestarts]
// allows.
//
// # When it dies
//
// What the Go runtime prints at a crash reaches the log file, from the opening of
// the log on and through restarts; with -d all of standard error does, as soon as
// the start was reported. A state file, FILE.state beside the lock file, else beside
// the log file (NAME.state in the folder of a log whose file changes), says while
// the process runs how far it came: once a second in the first minute, later more
// seldom, and once a minute after an hour; without a lock file and a log file there
// is none. The next start of the daemon on the machine finds it if the process did
// not end by itself, and tells so in the log and as an alert. A stop, an exit with
// status 1, a restart in place and a reboot are no such end. Where several instances
// share the file, it tells of the one that was started last.
//
// A detached daemon need not wait for somebody to start it: unless [Unwatched] was
// declared, a small process of the same program does so, and the rules of fatal
// errors count.
//
// # How it works
//
// Everything that happens is an event, and one goroutine handles all events,
// in a fixed order of precedence, by one table of states, of which
// docs/lifecycle.svg is the picture. Execute runs in a goroutine of its own.
// The machine outside is reached through the Host of package core/host alone,
// which is what lets package daemontest play days of a daemon's life in
// milliseconds.
//
// A program is what exec starts; a process may run several of them, one after
// the other, under one PID. The word is used so throughout.
//
// # The files
//
// From low to high; a file uses those before it, which a test checks.
//
//	errors stats               panics as errors; what is counted of iterations
//	queue states timers lease  the events and their order; the states; deadlines
//	                           and the lease, the parts that others know of
//	history handover           what the programs of a process know of each other
//	cleanups statefile handlerqueue
//	                           what teardown undoes; how far the process came,
//	                           for the next one; functions beside the loop
//	stopnotice ticks rememberticks
//	                           the channel that is closed at a stop; schedules,
//	                           and the file that remembers their ticks
//	alerts                     mails on their way
//	helppage hooks plugin declaration options standardflags
//	                           what a user declares; the flags for it
//	process daemon stopping values owner life followlog
//	                           what this process is; the Daemon; its stop as
//	                           Execute sees it; the values of its flags; as
//	                           whom it holds its lock; where its state file
//	                           is; where a crash is told
//	call validate              how it calls the user's functions; its checks
//	worker warmup pidfile trial ending health watchdog watcher
//	                           the other parts of the machine, each on its own
//	execute machine            one iteration; the event loop
//	help command instructions control
//	                           -H; flags; -i; -s and its replies
//	schedule housekeeping watching lock ready dump signals
//	                           steps that several events have in common
//	lossreport stop restart leaseloss standby failure iterate lastwords death start
//	                           what is done at an event, by phase of life
//	lifecycle run              the table of states and events; Main and Run
//
// # An interval, from the option to the sleep
//
// [Every] writes it to declaration.pacing (declaration.go). When setup is over,
// becomeReady gives it to a clockwork Schedule (ready.go), which answers when
// the next iteration is due. setTick (schedule.go) makes that a deadline;
// timers.wait (timers.go) sleeps until it, and posts tickDue. onTick asks the
// schedule whether an iteration starts, and gives the worker its job.
//
// # An error, from Execute to the mail
//
// executor.iterate (execute.go) makes an error of a panic, and counts it. The
// worker posts it as the event executed (worker.go). onExecuted (iterate.go)
// asks health whether it is one failure in a row too many; if so, onFatal
// (failure.go) decides between a restart and the end, and Daemon.alert
// (alerts.go) logs it and gives a mail to the mail.Queue, which
// sends it beside the loop.
package core
