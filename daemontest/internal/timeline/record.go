package timeline

// record is a list of entries that grows by chunks: a long scenario has a great
// many of them, and to copy them would take as long as to play it.
type record struct {
	chunks [][]Entry
	n      int
}

// chunk is how many entries a full chunk has.
const chunk = 1024

func (r *record) len() int { return r.n }

func (r *record) at(i int) *Entry { return &r.chunks[i/chunk][i%chunk] }

func (r *record) add(e Entry) {
	if r.n%chunk == 0 {
		var next []Entry
		if r.n > 0 {
			next = make([]Entry, 0, chunk)
		}
		r.chunks = append(r.chunks, next)
	}
	last := &r.chunks[len(r.chunks)-1]
	*last = append(*last, e)
	r.n++
}
