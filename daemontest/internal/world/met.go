package world

import "sync/atomic"

// Met counts how often something that is wrong with the world was met. The zero
// value is 0. It is safe for concurrent use.
type Met struct{ atomic.Int64 }

func (m *Met) note(met bool) {
	if met {
		m.Add(1)
	}
}
