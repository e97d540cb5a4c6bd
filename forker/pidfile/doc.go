// Package pidfile is what a daemon does with a PID file: it locks one for life,
// finds the process behind one, and replies beside it to the process that has
// sent a signal.
//
// [Disk] is the real [Files], [Sockets] the real [Replies]; package pidfiletest
// tests any other.
//
// # The file and its lock
//
// A PID file holds the number and a newline, so that kill $(cat file) works. The
// process that wrote it keeps a flock on it for life, across restarts; the
// kernel takes the lock away at the moment of death, however that comes. The
// lock is what refuses a second daemon, what lets the next one take over a dead
// one's file at once, and what Find looks for.
//
// # What is guaranteed
//
//   - The file appears at once and whole, or not at all. Of several processes
//     that lock it at the same time, one succeeds.
//   - The number in the file is never trusted. Find first takes hold of the
//     process and then looks for its lock on the file, so that a signal cannot
//     reach a process that was given the number later.
//   - A file that is no PID file keeps its text: it is never replaced.
//   - In a folder that others may write to, nothing that somebody else has put
//     there is followed, overwritten or believed.
//
// # Replies
//
// A signal has no answer. So a process that signals a daemon listens beside the
// PID file first, and the daemon gives it a text there: a dump, or why a restart
// was refused. Without a listener nothing is written. Any number of processes may
// listen at the same time. Each side knows from the kernel who the other one is.
//
// # Limits
//
// The file system must know flock(2). Linux 5.4 or later is needed for pidfd; on
// darwin and freebsd the number is not compared with the process that has the
// file open.
package pidfile
