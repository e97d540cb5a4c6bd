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
