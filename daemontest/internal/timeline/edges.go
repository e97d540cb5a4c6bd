package timeline

import "sync/atomic"

// Edges counts how often each edge of a table of transitions was taken. Edges
// are known by their place in the table. It is safe for concurrent use.
type Edges struct{ taken []atomic.Int64 }

// NewEdges returns counts of 0 for a table of n edges.
func NewEdges(n int) *Edges { return &Edges{make([]atomic.Int64, n)} }

// Take counts the edge i once more.
func (e *Edges) Take(i int) { e.taken[i].Add(1) }

// Taken returns how often the edge i was taken.
func (e *Edges) Taken(i int) int64 { return e.taken[i].Load() }
