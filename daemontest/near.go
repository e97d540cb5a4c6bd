package daemontest

import (
	"fmt"
	"slices"
	"strings"
)

// nearEnough is how much of a text another one must have to be named as what may
// have been meant.
const nearEnough = 0.6

// nearest returns, for the end of a sentence, which of the candidates comes
// nearest to text, and is empty if none is near. It compares by the shares of
// text's trigrams, so a typing error, another case or another order of the words
// leaves it near.
func nearest(text string, candidates []string) string {
	parts := trigrams(text)
	best, line := nearEnough, ""
	for _, c := range candidates {
		c, _, _ = strings.Cut(c, "\n")
		has, n := strings.ToLower(c), 0
		for _, part := range parts {
			if strings.Contains(has, part) {
				n++
			}
		}
		if share := float64(n) / float64(max(len(parts), 1)); share > best || share == best && line == "" {
			best, line = share, c
		}
	}
	if line == "" {
		return ""
	}
	return fmt.Sprintf("; the nearest is %q", clip(line))
}

// trigrams returns the parts of three characters of a text, in lower case.
func trigrams(text string) (parts []string) {
	all := []rune(strings.ToLower(text))
	if len(all) < 3 {
		return []string{string(all)}
	}
	for i := range len(all) - 2 {
		if part := string(all[i : i+3]); !slices.Contains(parts, part) {
			parts = append(parts, part)
		}
	}
	return parts
}

// clipLength is how much of a text a report shows.
const clipLength = 400

// clip shortens a text that is long to its start and its end.
func clip(text string) string {
	all := []rune(text)
	if len(all) <= clipLength {
		return text
	}
	return string(all[:clipLength/2]) + " … " + string(all[len(all)-clipLength/2:])
}
