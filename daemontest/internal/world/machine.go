package world

import (
	"sync/atomic"
	"time"
)

// Machine is one computer of the world: what its processes share with no
// process of another one.
type Machine struct {
	// Name is its host name.
	Name string

	Wall       WallClock
	Files      *Files
	Replies    *Replies
	Supervisor Supervisor
	Program    Program // that every process runs

	// Stdout and Stderr are the standard streams of all processes.
	Stdout, Stderr Stream

	noWatchers atomic.Pointer[error] // why none can be started

	// Resident is the resident memory of each process, in bytes.
	Resident atomic.Uint64

	// OOMKills is how many processes were killed for want of memory.
	OOMKills atomic.Int64
}

func newMachine(name, base string, t *worldTime, wallStart time.Time, supervised bool) *Machine {
	m := &Machine{
		Name:       name,
		Wall:       WallClock{start: wallStart},
		Supervisor: Supervisor{detected: supervised},
	}
	m.Files = newFiles(base, func() time.Time { return m.Wall.at(t.now()) })
	m.Replies = newReplies(m.Files)
	m.Resident.Store(8 << 20)
	return m
}

// RefuseWatchers lets no watcher be started, or lets them again where err is nil.
func (m *Machine) RefuseWatchers(err error) {
	if err == nil {
		m.noWatchers.Store(nil)
		return
	}
	m.noWatchers.Store(&err)
}

func (m *Machine) watchersRefused() error {
	if err := m.noWatchers.Load(); err != nil {
		return *err
	}
	return nil
}
