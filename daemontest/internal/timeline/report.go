package timeline

import (
	"fmt"
	"slices"
	"strings"
)

// reportEnds is how many entries of each end of a timeline a report shows at
// least, and of each end of those that are marked.
const reportEnds = 8

// Report returns the timeline in at most limit lines. mark chooses the entries
// to be marked with a >, and focus those among them that matter most; both may
// be nil. Where not everything fits, these are shown with their neighbours,
// then the first and the last of the marked entries and of all, and then as
// many others as there is space for.
func (t *Timeline) Report(limit int, mark, focus func(Entry) bool) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := choice{shown: make([]bool, t.entries.len()), height: make([]int, t.entries.len()), left: limit}
	var marked, focused []int
	for i := range t.entries.len() {
		e := t.entries.get(i)
		c.height[i] = 1 + strings.Count(strings.TrimRight(e.Text, "\n"), "\n")
		c.total += c.height[i]
		if mark != nil && mark(e) {
			marked = append(marked, i)
		}
		if focus != nil && focus(e) {
			focused = append(focused, i)
		}
	}
	c.choose(marked, focused)

	var b strings.Builder
	several, skipped := t.several(), 0
	for i, shown := range c.shown {
		if !shown {
			skipped += c.height[i]
			continue
		}
		c.gap(&b, &skipped)
		_, isMarked := slices.BinarySearch(marked, i)
		e := t.entries.get(i)
		e.write(&b, isMarked, several)
	}
	c.gap(&b, &skipped)
	return b.String()
}

// choice is which entries are shown.
type choice struct {
	shown  []bool
	height []int // in lines
	total  int
	left   int // lines
}

func (c *choice) choose(marked, focused []int) {
	if c.total <= c.left {
		for i := range c.shown {
			c.shown[i] = true
		}
		return
	}
	for _, i := range focused[:min(len(focused), 3)] {
		for j := max(i-3, 0); j <= min(i+3, len(c.shown)-1); j++ {
			c.show(j)
		}
	}
	c.ends(len(marked), reportEnds, func(i int) int { return marked[i] })
	c.ends(len(c.shown), reportEnds, func(i int) int { return i })
	c.ends(len(marked), len(marked), func(i int) int { return marked[i] })
	c.ends(len(c.shown), len(c.shown), func(i int) int { return i })
}

// ends shows the first and the last of n entries, in turns, up to most of each.
func (c *choice) ends(n, most int, at func(int) int) {
	for i := range min(most, (n+1)/2) {
		if c.left < 2 {
			return
		}
		c.show(at(i))
		c.show(at(n - 1 - i))
	}
}

// show shows an entry if there is space for it, and for the line that may have to
// say what was left out before it.
func (c *choice) show(i int) {
	cost := c.height[i]
	if i > 0 && !c.shown[i-1] {
		cost++
	}
	if !c.shown[i] && cost < c.left {
		c.shown[i] = true
		c.left -= cost
	}
}

// gap says how many lines were left out.
func (c *choice) gap(b *strings.Builder, skipped *int) {
	if *skipped > 0 {
		fmt.Fprintf(b, "  ... %d lines ...\n", *skipped)
	}
	*skipped = 0
}
