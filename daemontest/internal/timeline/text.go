package timeline

import (
	"cmp"
	"fmt"
	"strings"
	"time"
)

// stamp returns minutes, seconds and milliseconds; hours where there are any.
func stamp(d time.Duration) string {
	d = d.Round(time.Millisecond)
	h, m := int(d.Hours()), int(d.Minutes())%60
	s, ms := int(d.Seconds())%60, int(d.Milliseconds())%1000
	if h > 0 {
		return fmt.Sprintf("%02d:%02d:%02d.%03d", h, m, s, ms)
	}
	return fmt.Sprintf("%02d:%02d.%03d", m, s, ms)
}

// WithoutStacks cuts goroutine stacks out of a text.
func WithoutStacks(text string) string {
	head, _, found := strings.Cut(text, "\ngoroutine ")
	if found {
		return head + "\n(stacks)"
	}
	return text
}

// Difference returns the number of the first line in which two texts differ,
// counted from 1, and the two lines; a line that is not there is empty.
func Difference(a, b string) (line int, inA, inB string) {
	as, bs := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(as), len(bs)) {
		if as[i] != bs[i] {
			return i + 1, as[i], bs[i]
		}
	}
	n := min(len(as), len(bs))
	if len(as) > n {
		inA = as[n]
	} else if len(bs) > n {
		inB = bs[n]
	}
	return n + 1, inA, inB
}

// Divergence returns the first line in which two texts differ, in words.
func Divergence(a, b string) string {
	line, first, then := Difference(a, b)
	return fmt.Sprintf("line %d:\n  first: %s\n  then:  %s", line, cmp.Or(first, "(the end)"), cmp.Or(then, "(the end)"))
}
