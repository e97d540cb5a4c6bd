package world

import (
	"strconv"
	"sync"
)

// Program is the program file of a machine, as the next trial or exec finds it.
// It is safe for concurrent use.
type Program struct {
	mu    sync.Mutex // held for instants only
	state programState
	count int // of the programs that were put there
	met   Met
}

type programState struct {
	broken error // what a trial says
	hangs  bool  // a trial does
	gone   bool  // exec fails
}

// Break puts another program in the place of the present one, whose trial fails
// with err; nil is one that starts.
func (p *Program) Break(err error) { p.replace(programState{broken: err}) }

// Hang puts another program there, whose trial hangs.
func (p *Program) Hang() { p.replace(programState{hangs: true}) }

// Lose lets the file vanish in the instant before an exec.
func (p *Program) Lose() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state = programState{gone: true}
}

func (p *Program) replace(s programState) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state = s
	p.count++
}

// version returns what tells the file from what was there before.
func (p *Program) version() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strconv.Itoa(p.count)
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
