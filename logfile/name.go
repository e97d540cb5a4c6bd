package logfile

import (
	"path/filepath"
	"time"
)

// Name returns the path of the log file for a wall-clock time. It is asked
// again with the first message of each second, and when the path changes the
// log moves on to the new file. An empty path means standard output. It must
// be quick and safe for concurrent use, and must not log. Where it panics, the
// log stays with the file that it had, or standard output, and says so once.
type Name func(wall time.Time) string

// Fixed returns the name that is always path. logrotate(8) may rename or
// delete the file, and the log moves on to a new one.
func Fixed(path string) Name {
	return func(time.Time) string { return path }
}

// Daily returns the name of a file a day in dir, such as 2026-11-23.log. Days
// begin at midnight in the wall clock's time zone. The last folder of dir is
// created if need be, with mode 0755.
func Daily(dir string) Name {
	return func(wall time.Time) string {
		return filepath.Join(dir, wall.Format(time.DateOnly)+".log")
	}
}
