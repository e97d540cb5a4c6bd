package core

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/evertick/evertick/core/host"
	"github.com/evertick/evertick/lock"
)

// The state file is written noteEvery at most, however many iterations there are; in
// a process that is older than a minute, once for each sixtieth of its age, and once
// in noteSeldom at least.
const (
	noteEvery  = time.Second
	noteSeldom = time.Minute
)

// lifeState is what the state file holds of a process that runs, as JSON. A process
// that ends by itself leaves no file.
type lifeState struct {
	PID       int           `json:"pid"`
	Host      string        `json:"host"`
	Start     string        `json:"start,omitempty"` // as host.StartOf returns it
	Started   time.Time     `json:"started"`
	Boot      time.Duration `json:"boot"` // when this was written
	At        time.Time     `json:"at"`
	Iteration int64         `json:"iteration"`
	Log       string        `json:"log,omitempty"`

	// Cgroup and OOMKills are what host.OOMKills has returned at the process's start.
	Cgroup   string `json:"cgroup,omitempty"`
	OOMKills int64  `json:"oom_kills,omitempty"`

	// Watcher is the number of its watcher, and WatcherStart what StartOf says of it;
	// 0 where there is none.
	Watcher      int    `json:"watcher,omitempty"`
	WatcherStart string `json:"watcher_start,omitempty"`

	// Follows is the number of the process whose death this one follows; 0 for none.
	Follows int `json:"follows,omitempty"`

	// Waits is the name of the PID file that the process has given up, with the lock, for
	// a pause.
	Waits string `json:"waits,omitempty"`
}

// owner returns the process as the owner of a lock.
func (s *lifeState) owner() lock.Owner { return lock.Owner{PID: s.PID, Host: s.Host, Start: s.Start} }

// rebooted reports whether the machine has started again since s was written, going
// by the start of a process now, and by the time since the machine's start.
func (s *lifeState) rebooted(start string, boot time.Duration) bool {
	then, _, told := strings.Cut(s.Start, "/")
	now, _, tells := strings.Cut(start, "/")
	return boot < s.Boot || told && tells && then != now
}

// stateFile is the file that tells the next process how far this one came. The zero
// value keeps none.
type stateFile struct {
	files host.Records
	path  string // empty: there is none

	begun atomic.Int64 // when it was first noted, by the clock's Now, in ns
	noted atomic.Int64 // and last

	mu    sync.Mutex // held while it is written
	state lifeState
	ours  bool // it tells of this process
}

// read returns what a process before has left; nil for nothing.
func (f *stateFile) read() *lifeState {
	if f.path == "" {
		return nil
	}
	text, err := f.files.Read(f.path)
	var s lifeState
	if err != nil || json.Unmarshal(text, &s) != nil || s.PID <= 0 {
		return nil
	}
	return &s
}

// foreign returns why the file that is there is none of ours to write over: it
// holds something else, or cannot be read. What a crash of the machine has left
// empty is ours.
func (f *stateFile) foreign() error {
	text, err := f.files.Read(f.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case len(bytes.Trim(text, " \n\x00")) == 0 || f.read() != nil:
		return nil
	}
	return fmt.Errorf("%s holds something else than a state file: move it away", f.path)
}

// begin writes the file for a process. After an error none is written; one that the
// program before has written stays, and so does what is no state file.
func (f *stateFile) begin(s lifeState) error {
	if f.path == "" {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if s.Watcher == 0 {
		s.Watcher, s.WatcherStart = f.state.Watcher, f.state.WatcherStart
	}
	f.state = s
	if err := f.foreign(); err != nil {
		return err
	}
	err := f.write()
	switch {
	case err == nil:
		f.ours = true
	case !f.ours: // what it tells of another process has been told
		_ = f.files.Remove(f.path)
	}
	return err
}

// due reports whether the file is to be written again.
func (f *stateFile) due(now time.Time) bool {
	if f.path == "" {
		return false
	}
	noted := f.noted.Load()
	pause := min(max(time.Duration(noted-f.begun.Load())/60, noteEvery), noteSeldom)
	return now.UnixNano()-noted >= int64(pause)
}

// note writes how far the process has come.
func (f *stateFile) note(now time.Time, change func(*lifeState)) {
	f.begun.CompareAndSwap(0, now.UnixNano())
	f.noted.Store(now.UnixNano())
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.ours {
		return
	}
	change(&f.state)
	_ = f.write() // the first write has worked
}

// change writes the file again at once; where it was not begun, begin writes what has
// changed.
func (f *stateFile) change(change func(*lifeState)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(&f.state)
	if f.ours && f.state.Host != "" {
		_ = f.write() // the first write has worked
	}
}

func (f *stateFile) write() error {
	text, err := json.Marshal(f.state)
	if err != nil {
		return err
	}
	return f.files.Overwrite(f.path, append(text, '\n'))
}

// inherit takes over the file that the program before has written.
func (f *stateFile) inherit(pid int) {
	f.state.PID = pid
	f.ours = f.path != ""
}

// end deletes the file, if it tells of this process, which ends by itself.
func (f *stateFile) end() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.ours {
		return nil
	}
	f.ours = false
	if now := f.read(); now == nil || now.PID != f.state.PID { // the lock was lost to another process
		return nil
	}
	return f.files.Remove(f.path)
}
