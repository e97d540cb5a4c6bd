package core

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"sync"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/core/host"
)

// tickFile is where the schedule's state is kept for the next process. Its
// methods block as long as a disk may. The zero value keeps nothing.
type tickFile struct {
	records host.Records
	path    string
	logf    func(format string, args ...any)

	mu     sync.Mutex
	latest int64 // the newest state that was to be written
	failed bool  // the latest attempt, which was logged
}

// rememberedTicks is what the file holds.
type rememberedTicks struct {
	Daemon string `json:"daemon"`
	clockwork.CalendarState
}

// read returns the state that was kept; the zero value where there is none that
// could be used, of which the log tells.
func (f *tickFile) read() clockwork.CalendarState {
	if f.path == "" {
		return clockwork.CalendarState{}
	}
	content, err := f.records.Read(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return clockwork.CalendarState{}
	}
	var r rememberedTicks
	if err == nil {
		err = json.Unmarshal(content, &r)
	}
	if err != nil {
		f.logf("Warning: what %s remembers of ticks cannot be read, so none is made up for: %v", f.path, err)
		return clockwork.CalendarState{}
	}
	return r.CalendarState
}

// check returns why the file is none of ours to write over. What a crash of the
// machine has left of one is ours.
func (f *tickFile) check() error {
	if err := f.records.Check(f.path); err != nil {
		return err
	}
	content, err := f.records.Read(f.path)
	content = bytes.Trim(content, " \n\x00")
	var r rememberedTicks
	switch {
	case err != nil || len(content) == 0: // Check has seen to what hinders
		return nil
	case content[0] == '{' && (json.Unmarshal(content, &r) != nil || r.Daemon != ""):
		return nil
	}
	return fmt.Errorf("%s holds something else: name another path, or move it away", f.path)
}

// write keeps the n-th state. An older one than was written does nothing. An
// outage is logged at its start.
func (f *tickFile) write(daemon string, n int64, s clockwork.CalendarState) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if n <= f.latest {
		return
	}
	f.latest = n
	content, err := json.Marshal(rememberedTicks{daemon, s})
	if err == nil {
		err = f.records.Replace(f.path, append(content, '\n'))
	}
	if err != nil && !f.failed {
		f.logf("Error: the tick could not be kept in %s: after a crash it may be served once more: %v", f.path, err)
	}
	f.failed = err != nil
}
