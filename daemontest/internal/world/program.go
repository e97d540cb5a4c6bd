package world

import (
	"sync"
)

// Program is the program file of a machine, as the next trial or exec finds it.
// It is safe for concurrent use.
type Program struct {
	mu    sync.Mutex // held for instants only
	state programState
}

type programState struct {
	broken error // what a trial says
	hangs  bool  // a trial does
	gone   bool  // exec fails
}

// Break lets a trial fail with err; nil mends the program.
func (p *Program) Break(err error) { p.set(programState{broken: err}) }

// Hang lets a trial hang.
func (p *Program) Hang() { p.set(programState{hangs: true}) }

// Lose lets the file vanish between a trial and exec.
func (p *Program) Lose() { p.set(programState{gone: true}) }

func (p *Program) set(s programState) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state = s
}

func (p *Program) now() programState {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state
}
