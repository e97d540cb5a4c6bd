package daemontest

// record is a list of entries that grows by chunks, because a long scenario
// has a great many of them and to copy them would take as long as to play it.
type record struct {
	chunks [][]entry
	n      int
}

// chunk is how many entries a full one has.
const chunk = 1024

func (r *record) len() int { return r.n }

func (r *record) at(i int) *entry { return &r.chunks[i/chunk][i%chunk] }

func (r *record) add(e entry) {
	if r.n%chunk == 0 {
		var next []entry
		if r.n > 0 {
			next = make([]entry, 0, chunk)
		}
		r.chunks = append(r.chunks, next)
	}
	last := &r.chunks[len(r.chunks)-1]
	*last = append(*last, e)
	r.n++
}
