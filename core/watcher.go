package core

import (
	"time"

	"github.com/evertick/evertick/forker/reexec"
)

// watcher is what the daemon knows of the process that watches it, which starts the
// daemon again should it die: see Unwatched.
type watcher struct {
	running bool            // it is being started, or is there
	process reexec.Watching // nil until it is there
	over    bool            // the daemon ends by itself, and none is to be any more

	inARow  int           // how many have ended, without quietAfter between two
	endedAt time.Duration // by the Boot clock; 0: none has
	missing bool          // that there is none was logged
}

// isStarting reports whether one is being started.
func (w *watcher) isStarting() bool { return w.running && w.process == nil }

// ended notes that there is none any more, and returns how many have ended in a row
// before it.
func (w *watcher) ended(now time.Duration) (inARow int) {
	w.running, w.process = false, nil
	if w.endedAt == 0 || now-w.endedAt >= quietAfter {
		w.inARow = 0
	}
	w.endedAt = now
	w.inARow++
	return w.inARow - 1
}

// suspend lets the end of this process be a stop: in the instant between two programs a
// signal to stop ends the process.
func (w *watcher) suspend() {
	if w.process != nil {
		w.process.Suspend()
	}
}

// resume takes suspend back.
func (w *watcher) resume() {
	if w.process != nil {
		w.process.Resume()
	}
}
