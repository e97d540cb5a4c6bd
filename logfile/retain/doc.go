// Package retain keeps a daemon's log files within bounds: a number of files, an age,
// a size, a floor of free disk space.
//
//	core.WithLog(logfile.Daily("/var/log/poller")),
//	core.CleanLog(retain.New(retain.Rules{Files: 30, MaxSize: 100 << 20, Compress: true}))
//
// # Which files are touched
//
// Only files of the daemon's own, in the folder of its log: the name is one that the
// log's name function returns for the day in it, as 2026-11-23.log of logfile.Daily,
// or one that a file was set aside under; it is a regular file with one name that
// belongs to the user that the daemon runs as; and its first line says that the
// daemon of this name has opened it. Two daemons that share a folder do not touch
// each other's files. The file that is written is never touched.
//
// # Names
//
// A file that has reached MaxSize is set aside under the next number: 2026-11-23.log
// becomes 2026-11-23.1.log, and poller.log of logfile.Fixed becomes
// poller.2026-11-23.1.log. With Compress, both end in .gz.
//
// # Age
//
// A file is as old as the end of the day in its name; its times on the disk do not
// count, which a copy or a restore would change. When the wall clock steps by more
// than an hour, nothing is deleted for its age for a day: see [Rules].
package retain
