package world

import (
	"sync"
)

// Program is the program file of a machine, as the next trial or exec finds it.
// It is safe for concurrent use.
type Program struct {
	mu    sync.Mutex // held for instants only
	state programState
	met   Met
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

// tried returns what a trial finds.
func (p *Program) tried() programState {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.met.note(p.state.broken != nil || p.state.hangs)
	return p.state
}

// executable reports whether exec finds the file.
func (p *Program) executable() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.met.note(p.state.gone)
	return !p.state.gone
}

// Met returns how often what is wrong with the program was met.
func (p *Program) Met() int64 { return p.met.Load() }
