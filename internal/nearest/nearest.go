// Package nearest finds what a mistyped word may have been meant to be.
package nearest

import "strings"

// Of returns which of the candidates a text may have been meant to be; empty
// if none is near.
func Of(text string, candidates []string) string {
	best, found := max(len(text)/3, 1)+1, ""
	for _, c := range candidates {
		if n := distance(strings.ToLower(text), strings.ToLower(c)); n < best {
			best, found = n, c
		}
	}
	return found
}

// distance returns how many letters must be inserted, removed or replaced, or
// exchanged with their neighbour, to make b of a: the optimal string alignment
// distance.
func distance(a, b string) int {
	from, to := []rune(a), []rune(b)
	before, last := make([]int, len(to)+1), make([]int, len(to)+1)
	for j := range last {
		last[j] = j
	}
	for i, x := range from {
		next := make([]int, len(to)+1)
		next[0] = i + 1
		for j, y := range to {
			cost := 1
			if x == y {
				cost = 0
			}
			next[j+1] = min(last[j]+cost, last[j+1]+1, next[j]+1)
			if i > 0 && j > 0 && x == to[j-1] && from[i-1] == y {
				next[j+1] = min(next[j+1], before[j-1]+1)
			}
		}
		before, last = last, next
	}
	return last[len(to)]
}
