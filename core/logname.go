package core

import (
	"path/filepath"
	"time"
)

// LogName tells the path of the log file for a wall-clock time. It is asked
// again at least once a second while the daemon logs, and when the path
// changes the log moves on to the new file. A relative path is resolved
// against the folder in which the command was typed. It must be quick and safe
// for concurrent use. An empty path means standard output.
type LogName func(wall time.Time) string

// Fixed is one and the same file for ever; logrotate may rename or delete it,
// and the log moves on to a new one.
func Fixed(path string) LogName {
	return func(time.Time) string { return path }
}

// Daily is a file a day in dir, such as 2026-11-23.log, by the wall clock's
// own days.
func Daily(dir string) LogName {
	return func(wall time.Time) string {
		return filepath.Join(dir, wall.Format(time.DateOnly)+".log")
	}
}
