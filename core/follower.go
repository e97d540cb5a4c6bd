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

// watcherOf returns the watcher of a daemon that lives; nil for none.
func (d *Daemon) watcherOf(pid int) *follower {
	state := d.life.read()
	if state == nil || state.PID != pid || state.Watcher == 0 {
		return nil
	}
	p := d.processOf(state.Watcher, state.WatcherStart)
	if p == nil {
		return nil
	}
	return &follower{p, pid}
}

// isFollowed reports whether a daemon that has ended did not end by itself, so that its
// watcher follows it: the state file is still there.
func (d *Daemon) isFollowed(watcher *follower) bool {
	state := d.life.read()
	return state != nil && (state.PID == watcher.of || state.PID == watcher.PID())
}

// followed returns what is left of a process that followed a dead one, and has ended: what
// it has become, which has its number, or the watcher of that; nil for nothing.
func (d *Daemon) followed(f *follower) *follower {
	state := d.life.read()
	if state == nil || state.PID != f.of && state.PID != f.PID() {
		return nil
	}
	if state.PID == f.PID() {
		if p := d.processOf(state.PID, state.Start); p != nil {
			return &follower{p, f.of}
		}
	}
	if p := d.processOf(state.Watcher, state.WatcherStart); p != nil {
		return &follower{p, state.PID}
	}
	return nil
}

// find returns the daemon of a PID file: who has locked it, or has given it up for a pause,
// or follows the dead process that it names and cannot write it; and is still there.
func (d *Daemon) find(path string) (pidfile.Process, error) {
	p, err := d.host.PIDFiles.Find(path)
	state := d.life.read()
	if state == nil || !errors.Is(err, pidfile.ErrNotRunning) {
		return p, err
	}
	var dead *pidfile.DeadError
	if state.Waits == filepath.Base(path) || errors.As(err, &dead) && dead.PID == state.Follows {
		if waits := d.processOf(state.PID, state.Start); waits != nil {
			return waits, nil
		}
	}
	return p, err
}

// elsewhere says why what follows a dead daemon may not have been found.
func (d *Daemon) elsewhere(err error) string {
	var dead *pidfile.DeadError
	if !errors.As(err, &dead) || d.life.read() != nil {
		return ""
	}
	return ". If it was started with another lock or log than now, give them, too: beside them is written what is to start it again"
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
