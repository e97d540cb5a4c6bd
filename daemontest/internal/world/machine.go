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
	PIDFiles   *PIDFiles
	Replies    *Replies
	Supervisor Supervisor
	Program    Program // that every process runs

	// Stdout and Stderr are the standard streams of all processes.
	Stdout, Stderr Stream

	// Resident is the resident memory of each process, in bytes.
	Resident atomic.Uint64
}

func newMachine(name string, wallStart time.Time, supervised bool) *Machine {
	files := newFiles()
	m := &Machine{
		Name:       name,
		Wall:       WallClock{start: wallStart},
		Files:      files,
		PIDFiles:   newPIDFiles(files),
		Replies:    newReplies(),
		Supervisor: Supervisor{detected: supervised},
	}
	m.Resident.Store(8 << 20)
	return m
}
