package core

import (
	"errors"
	"path/filepath"

	"github.com/evertick/evertick/forker/pidfile"
)

// follower is the process that starts a daemon again which has died: its watcher, or what
// that has become since.
type follower struct {
	pidfile.Process
	of int // the number of the daemon that has died
}

// follower returns what follows the daemon that Find, as err says, has found dead; nil for
// nothing. The state file names it.
func (d *Daemon) follower(err error) *follower {
	var dead *pidfile.DeadError
	before := d.life.read()
	if !errors.As(err, &dead) || before == nil || before.PID != dead.PID || before.Watcher == 0 || !d.isDead(before.owner()) {
		return nil
	}
	p := d.processOf(before.Watcher, before.WatcherStart)
	if p == nil {
		return nil
	}
	return &follower{p, before.PID}
}

// find returns the daemon of a PID file: who has locked it, or has given it up for a pause
// and is still there.
func (d *Daemon) find(path string) (pidfile.Process, error) {
	p, err := d.host.PIDFiles.Find(path)
	if before := d.life.read(); errors.Is(err, pidfile.ErrNotRunning) && before != nil && before.Waits == filepath.Base(path) {
		if waits := d.processOf(before.PID, before.Start); waits != nil {
			return waits, nil
		}
	}
	return p, err
}

// processOf returns a process of this machine; nil where it has ended, be its number
// another one's by now or not.
func (d *Daemon) processOf(pid int, start string) pidfile.Process {
	if d.host.StartOf == nil {
		return nil
	}
	p, err := d.host.PIDFiles.Process(pid)
	if err != nil {
		return nil
	}
	if now, err := d.host.StartOf(pid); err != nil || now == "" || now != start {
		return nil
	}
	return p
}
