package core

import (
	"path/filepath"
	"strings"
	"time"
)

// findStateFile says where the state file is: beside the lock file, else beside the
// log file, else nowhere.
func (d *Daemon) findStateFile() {
	d.life.files = d.host.Records
	switch {
	case d.host.Records == nil:
	case d.set.lockPath != "":
		d.life.path = d.Path(d.set.lockPath) + ".state"
	case d.logPath() != "" && !strings.HasPrefix(d.logPath(), "/dev/"):
		wall := d.host.Clock.Wall()
		if d.set.logName(wall) == d.set.logName(wall.AddDate(0, 0, 1)) {
			d.life.path = d.logPath() + ".state"
			return
		}
		d.life.path = filepath.Join(filepath.Dir(d.logPath()), d.name+".state")
	}
}

// noteLife writes down how far the process has come.
func (d *Daemon) noteLife(n int64, now time.Time) {
	boot, wall, log := d.host.Clock.Boot(), d.host.Clock.Wall(), d.log.Path()
	d.life.note(now, func(s *lifeState) { s.Iteration, s.Boot, s.At, s.Log = n, boot, wall, log })
}
