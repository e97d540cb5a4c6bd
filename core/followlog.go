package core

// followLog lets what the Go runtime prints at a crash reach the log, and under -d
// standard error, as soon as nobody waits for what is printed there.
func (d *Daemon) followLog(path string) error {
	d.logFile.Store(&path)
	if d.host.CrashTo == nil {
		return nil
	}
	return d.host.CrashTo(path, d.Detached() && d.reported.Load())
}

// releaseStderr is followLog for the log file that is open already, now that the
// start was reported.
func (d *Daemon) releaseStderr() {
	d.reported.Store(true)
	path := d.logFile.Load()
	if path == nil || !d.Detached() {
		return
	}
	if err := d.followLog(*path); err != nil {
		d.Logf("Warning: what is written to standard error is lost: %v", err)
	}
}

// noLogNote warns of a log that -d sends nowhere.
func (d *Daemon) noLogNote() string {
	if d.Detached() && !d.log.Reaches() && d.log.Path() == "" {
		return d.name + ": there is no log file: what it logs goes nowhere"
	}
	return ""
}
