package core

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/core/host"
	"github.com/evertick/evertick/forker/pidfile"
)

// full is a disk that takes nothing.
type full struct{ host.Records }

func (full) Overwrite(string, []byte) error { return errors.New("no space") }

// The file of a process is deleted by the process alone, whichever of its programs
// has written it, and by the next one once it is told of.
func TestWhoDeletesTheStateFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	there := func() bool {
		_, err := host.Disk().Read(path)
		return !errors.Is(err, fs.ErrNotExist)
	}
	first := &stateFile{files: host.Disk(), path: path}
	require.NoError(t, first.begin(lifeState{PID: 77}))

	refused := &stateFile{files: host.Disk(), path: path}
	require.NoError(t, refused.end())
	assert.True(t, there(), "another process, which has begun nothing")

	lost := &stateFile{files: host.Disk(), path: path}
	lost.inherit(78)
	require.NoError(t, lost.end())
	assert.True(t, there(), "a process that has lost its lock to the first one")

	next := &stateFile{files: full{host.Disk()}, path: path}
	next.inherit(77)
	require.Error(t, next.begin(lifeState{PID: 77}))
	assert.True(t, there(), "the next program, on a full disk")
	require.NoError(t, next.end())
	assert.False(t, there(), "the next program, at its end")

	require.NoError(t, first.begin(lifeState{PID: 77}))
	successor := &stateFile{files: full{host.Disk()}, path: path}
	require.Error(t, successor.begin(lifeState{PID: 79}))
	assert.False(t, there(), "the next process, on a full disk")
	successor.note(time.Now(), func(*lifeState) { t.Error("it is noted in no file") })

	nowhere := &stateFile{files: host.Disk()}
	nowhere.inherit(77)
	require.NoError(t, nowhere.begin(lifeState{PID: 77}))
	assert.False(t, nowhere.due(time.Now()))
	assert.Nil(t, nowhere.read())
	require.NoError(t, nowhere.end())
}

// deadDaemon is a PID file that names the dead process 7, where process 8 lives.
type deadDaemon struct{ pidfile.Files }

func (deadDaemon) Find(string) (pidfile.Process, error) { return nil, &pidfile.DeadError{PID: 7} }

func (deadDaemon) Process(pid int) (pidfile.Process, error) {
	if pid == 8 {
		return process8{}, nil
	}
	return nil, os.ErrProcessDone
}

type process8 struct{ pidfile.Process }

// What follows a death is found by the state file, while it cannot write its PID file.
func TestWhatCannotWriteItsPIDFileIsFound(t *testing.T) {
	for _, c := range []struct {
		state lifeState
		found bool
	}{
		{lifeState{PID: 8, Start: "now", Follows: 7}, true},
		{lifeState{PID: 8, Start: "now", Follows: 6}, false},
		{lifeState{PID: 8, Start: "now"}, false},
		{lifeState{PID: 8, Start: "before", Follows: 7}, false},
		{lifeState{PID: 9, Start: "now", Follows: 7}, false},
		{lifeState{PID: 8, Start: "now", Waits: "d.pid"}, true},
		{lifeState{PID: 8, Start: "now", Waits: "e.pid"}, false},
	} {
		d := &Daemon{}
		d.host.PIDFiles = deadDaemon{}
		d.host.StartOf = func(int) (string, error) { return "now", nil }
		d.life = stateFile{files: host.Disk(), path: filepath.Join(t.TempDir(), "state")}
		require.NoError(t, d.life.begin(c.state))
		p, err := d.find("/run/d.pid")
		assert.Equal(t, c.found, err == nil, "%+v: %v", c.state, err)
		assert.Equal(t, c.found, p != nil, "%+v", c.state)
	}
}
