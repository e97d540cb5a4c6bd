package timeline

import (
	"fmt"
	"slices"
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

// Divergence returns the first line in which two texts differ.
func Divergence(a, b string) string {
	as, bs := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(as), len(bs)) {
		if as[i] != bs[i] {
			return fmt.Sprintf("line %d:\n  first: %s\n  then:  %s", i+1, as[i], bs[i])
		}
	}
	return fmt.Sprintf("line %d, where one of them ends", min(len(as), len(bs))+1)
}

// Abridge shortens the text of a timeline to n lines from its start, as many
// from its end, and those that are marked.
func Abridge(text string, n int) string {
	lines := slices.Collect(strings.Lines(text))
	if len(lines) <= 2*n {
		return text
	}
	var b strings.Builder
	left := 0
	for i, l := range lines {
		if i >= n && i < len(lines)-n && !strings.HasPrefix(l, ">") {
			left++
			continue
		}
		if left > 0 {
			fmt.Fprintf(&b, "  ... %d lines ...\n", left)
			left = 0
		}
		b.WriteString(l)
	}
	return b.String()
}
