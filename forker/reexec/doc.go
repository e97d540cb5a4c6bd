// Package reexec is what a daemon does with its own process: it detaches,
// reports that it has started, tries the next program first, and executes that
// in its place.
//
// [System] is the real [Starter] and [Self]; package reexectest tests any other.
//
// # What is guaranteed
//
//   - A daemon that could not start is never reported as started. Launch
//     returns when the daemon itself has said that it is ready, and otherwise
//     returns the daemon's own error.
//   - A restart keeps the process: same number, same parent, same open files.
//   - A program that would not start is found out by Try, in a child that never
//     outlives its answer, whether it is missing, crashes, hangs or is another
//     program altogether. On Linux, nothing that it has started does, either.
//   - What was tried is what is executed: Exec refuses a file of another Version.
//
// # Origins
//
// A process learns how it came to be ([Origin]) from an environment variable,
// which is read while the package starts, and removed, so that no child of the
// daemon inherits it. It names the process that it is meant for: a copy that
// reaches another process by accident has no effect there. In a program that
// imports the package and was not started this way, nothing happens.
//
//	kind       started by   reports                      then
//	Fresh      anybody      nothing; Report does nothing
//	Detached   Launch       once it is ready             goes on, silently
//	Trial      Try          once it has checked          ends
//	Restarted  Exec         nothing; Report does nothing
//	Respawned  a watcher    nothing; Report does nothing
//
// # Watchers
//
// Watch starts this program once more, as a process that waits for the end of this one
// and then takes its place. It learns of the end by a pipe, and by a handle of the
// process (a pidfd on Linux), so that the process has ended whole when the program
// begins. Where the program cannot be executed, it says so in the file of CrashTo, and
// tries again, at least once a minute. It branches off while this package starts, before the user's own, and what it
// has of its own is about 1 MB.
//
// Not every end is a death: after Unwatch there is no watcher any more, and in the
// instant between two programs of an Exec, in which a signal to stop has its default
// effect, an end is a stop (Suspend). So SIGKILL in that instant, some 2 ms, is followed
// by nothing.
//
// # Last words
//
// CrashTo lets what the Go runtime prints at a crash reach a file, which is set again
// in the next program of a restart before any other package starts.
//
// # Restarting in place
//
// The last steps of the old program are, in this order:
//
//  1. Quiesce(SIGHUP, SIGUSR1, …) of package signals: what has arrived is
//     delivered, and these are ignored from now on.
//  2. One more look at whether a stop was among what was delivered.
//  3. Exec. Where it fails, Listen again: nothing else has changed.
//
// # Limits
//
// On darwin and freebsd trials do not die with their parent, a process that has
// left a trial's process group outlives it, and Resident knows
// the peak only. A detached process leads its session, as after setsid(1), so it
// must not open a terminal without O_NOCTTY.
package reexec
