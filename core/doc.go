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
//   - SIGHUP restarts in place: same PID, a new image of the binary, the lock
//     never free for an instant, grid and counters carried over. The new
//     binary is tried first; one that would not start is refused, and the old
//     one keeps running.
//   - SIGTERM lets the iteration finish; a second one, or [ShutdownTimeout],
//     forces. A hung Execute blocks neither that nor a dump by SIGUSR1.
//   - The exit status and the last line of the log always agree.
//
// # The life of a daemon
//
//  1. The command line is parsed: -H, -i, -d, -v, -p, -s, and flags of the
//     user's own ([Flags], [Configure]).
//  2. The environment is checked: options, PID file, log, lock, alerts,
//     plugins ([Plugin]), the user's own [Check].
//  3. The lock is taken ([WithLock]), or waited for ([Standby]).
//  4. The PID file is written and the log opened.
//  5. Plugins are set up, then the daemon ([Setup]); readiness is reported to
//     whoever launched it.
//  6. [Execute] runs at each tick ([Every], [FixedDelay], [FirstTick]).
//  7. What was set up is torn down in reverse, and the daemon exits, or the
//     next image takes its place.
//
// An error or panic out of Execute is a fatal error: it is logged and alerted
// ([WithAlerts]); a daemon that runs detached or under a supervisor backs off
// and restarts in place, unless it fails within the first 10 s of the
// process's life or too often ([MaxRestarts]).
//
// # How it works
//
// Everything that happens is an event, and one goroutine handles all events,
// in a fixed order of precedence, by the table in lifecycle.go, of which
// docs/lifecycle.svg is the picture. Execute runs in a goroutine of its own.
// The machine outside is reached through [Host] alone, which is what lets
// package daemontest play days of a daemon's life in milliseconds.
//
// Built on this are package daemontest for tests, and the programs in
// examples/: heartbeat to copy, drill to hurt.
package core
