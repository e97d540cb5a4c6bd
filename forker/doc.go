// Package forker is what a daemon does with processes: it detaches, replaces
// its own image by a new one, tries a new one first, owns a PID file, and hears
// signals without losing any.
//
// Two small interfaces say so: [Processes] and [Signals]. [System] is the real
// machine behind both; package forktest holds what a fake must do, too.
//
// # What is guaranteed
//
//   - A daemon that could not start is never reported as started. Launch
//     returns when the daemon itself has said that it is ready, and else tells
//     the daemon's own error.
//   - A restart keeps the process: same number, same parent, same open files. A
//     SIGHUP at the wrong moment does not kill it, a SIGTERM at any moment ends
//     it.
//   - A program that would not start is found out by Try, in a child that never
//     outlives its answer, and no matter whether it is missing, crashes, hangs
//     or is another program altogether.
//   - A number in a PID file is never trusted. Find takes hold of the process
//     first and looks for its living claim on the file second, so that a signal
//     cannot meet a process that came by the number later.
//
// # Births
//
// A process is told how it came to be ([Birth]) in an environment variable,
// which is read while the package starts, and removed, so that no child of the
// daemon inherits it. It says whom it is meant for: a copy that reaches another
// process by accident makes that one no less [Fresh]. A program that imports
// the package and was not born this way sees no effect at all.
//
//	kind       started by   says                         then
//	Fresh      anybody      nothing; Report does nothing
//	Detached   Launch       Report, once it is ready     goes on, silently
//	Trial      Try          Report, once it has checked  ends
//	Restarted  Exec         nothing; Report does nothing
//
// # Restarting in place
//
// An exec takes all signal handlers away, and until the new image has its own,
// a SIGHUP would kill it. So the last steps of the old image are, in this
// order:
//
//  1. Quiesce(SIGHUP, SIGUSR1, …): what has arrived is delivered, and these are
//     ignored from now on, which the kernel passes on to the next image. SIGTERM
//     keeps its default effect: between two images, ending is the right thing.
//  2. One more look at whether a stop was among what was delivered.
//  3. Exec. Where it fails, Listen again: nothing else has changed.
//
// The new image hears its signals from the moment at which this package starts;
// its Listen gets those that have arrived meanwhile.
//
// # PID files
//
// A PID file holds the number and a newline, so that kill $(cat file) works. The
// process that wrote it keeps a flock on it for life, across restarts; the
// kernel takes it away at the moment of death, however that comes. That flock is
// the claim: it is what refuses a second daemon, what lets the next one take
// over a dead one's file at once, and what Find asks for.
//
// # Limits
//
// Linux 5.4 or later is needed for pidfd. On darwin and freebsd, where there is
// none, a kqueue tells the end of a process, a number is compared with a claim's
// holder no further than that, trials do not die with their parent, and Resident
// knows the peak only. A detached process leads its session, as after setsid(1),
// so it must not open a terminal without O_NOCTTY.
package forker
