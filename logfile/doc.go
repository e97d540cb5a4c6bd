// Package logfile writes a daemon's log: whole lines, to the file that is
// theirs now, and none lost while that file cannot be written.
//
//	log := logfile.New(logfile.Config{Daemon: "poller", Host: "web1"})
//	log.Configure(logfile.Settings{Name: logfile.Daily("/var/log/poller")})
//	log.Open()
//	defer log.Close()
//	log.Printf("fetched %d rows", n)
//
// # Lines
//
// Each line begins with the wall clock's time and the PID:
//
//	[2026-11-23 08:12:44] 12345 Log Opened: poller on web1
//	[2026-11-23 08:12:44] 12345 fetched 12 rows
//
// A message of several lines has the prefix on each of them. Control
// characters are shown as escapes, so that no message can forge a line or
// colour a terminal. With [Settings].JSON each message is one JSON object
// instead. A message is one write, so that the lines of several processes on
// one file do not mix.
//
// # Files
//
// Until [Log.Open] everything goes to standard output, so that a daemon that
// finds its lock held leaves the file alone. A [Name] then says which file the
// log belongs into. It is asked again with the first message of each second:
// [Daily] turns to the next file at midnight, and a file that logrotate(8) has
// renamed or deleted is left for a new one. Each file that is opened gets a
// header line. The file before is closed when the new one is open: where that
// fails, the log stays with it and says so there.
//
// [Stdout], [Stderr] and [Null] are paths of standard streams, as containers use
// them.
//
// A [Cleaner] deletes and compresses old files: package logfile/retain.
//
// # Full disks
//
// A file that cannot be opened or written is no error to the caller. The lines
// go to standard output, which is said once, and up to 1 MiB of them are held.
// With the first message of each second the file is tried again; when it can
// be written, the held lines follow; [Log.Held] hands them over to the program
// that follows in the process. A line that was cut off is ended first and then
// written again in full, and one that a dead process has left is ended, too.
//
// # A standard output that nobody reads
//
// A full pipe or a stopped terminal does not stop the daemon: lines are queued
// for it, up to 1 MiB, and dropped beyond. When it flows again, they follow, and
// how many were dropped. [Log.Flush] waits for it.
//
// # Who does what
//
// [Log] knows a clock, a place for files and a standard output; [Config] says
// what they are when left out. [Files] is the place for files, [Disk] the real
// one. Every implementation passes the suite in logfile/logfiletest.
// Package logfile/slogger is for log/slog.
package logfile
