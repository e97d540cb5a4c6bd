package timeline

import "time"

// record is a list of entries. A long scenario has a great many of them, nearly
// all of them iterations: so it grows by chunks, because to copy them would take
// as long as to play it, and keeps each in half of its space, without a pointer.
type record struct {
	chunks [][]packed
	n      int

	texts   map[int]string // by the index of the entry
	origins []origin
	indexes map[origin]uint32 // of origins
	last    uint32            // the origin of the entry that was put in last
}

// packed is an entry without its text and its origin.
type packed struct {
	at, took           time.Duration
	n                  int64
	origin             uint32 // its index
	kind               Kind
	done, failed, lost bool
}

// origin is what the iterations of a process have in common.
type origin struct {
	pid      int
	interval time.Duration
}

// chunk is how many entries a full chunk has.
const chunk = 1024

func (r *record) len() int { return r.n }

// get returns an entry.
func (r *record) get(i int) Entry {
	p := &r.chunks[i/chunk][i%chunk]
	o := r.origins[p.origin]
	e := Entry{
		At: p.at, Took: p.took, Interval: o.interval, N: p.n, PID: o.pid,
		Kind: p.kind, Done: p.done, Failed: p.failed, Lost: p.lost,
	}
	if p.kind != Execute || p.failed {
		e.Text = r.texts[i]
	}
	return e
}

// end completes the entry of an iteration. text is the error of one that has failed.
func (r *record) end(i int, took time.Duration, failed bool, text string) {
	p := &r.chunks[i/chunk][i%chunk]
	p.took, p.done, p.failed = took, true, failed
	if failed {
		r.say(i, text)
	}
}

// set changes an entry.
func (r *record) set(i int, e Entry) {
	r.chunks[i/chunk][i%chunk] = packed{
		at: e.At, took: e.Took, n: e.N, origin: r.index(origin{e.PID, e.Interval}),
		kind: e.Kind, done: e.Done, failed: e.Failed, lost: e.Lost,
	}
	if e.Text != "" {
		r.say(i, e.Text)
	}
}

// say gives an entry its text.
func (r *record) say(i int, text string) {
	if r.texts == nil {
		r.texts = map[int]string{}
	}
	r.texts[i] = text
}

func (r *record) add(e Entry) {
	if r.n%chunk == 0 {
		var next []packed
		if r.n > 0 {
			next = make([]packed, 0, chunk)
		}
		r.chunks = append(r.chunks, next)
	}
	last := &r.chunks[len(r.chunks)-1]
	*last = append(*last, packed{})
	r.n++
	r.set(r.n-1, e)
}

// index returns the index of an origin, most often that of the entry before.
func (r *record) index(o origin) uint32 {
	if len(r.origins) > 0 && r.origins[r.last] == o {
		return r.last
	}
	i, known := r.indexes[o]
	if !known {
		if r.indexes == nil {
			r.indexes = map[origin]uint32{}
		}
		i = uint32(len(r.origins))
		r.origins, r.indexes[o] = append(r.origins, o), i
	}
	r.last = i
	return i
}
