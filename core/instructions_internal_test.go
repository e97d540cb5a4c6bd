package core

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A shell reads a quoted word as it was, whatever is in it.
func TestShellQuote(t *testing.T) {
	words := []string{"plain-1_2.3/4:5=6,7@8%9+", "", " ", "it's", `a"b`, `a\b`, "$HOME", "`id`", "a;b|c&d", "*", "~", "ä", "a\nb", "--log=/x y", "'", "#", "!"}
	quoted := make([]string, len(words))
	for i, word := range words {
		quoted[i] = shellQuote(word)
	}
	assert.Equal(t, words[0], quoted[0])
	out, err := exec.Command("sh", "-c", `printf '%s\0' `+strings.Join(quoted, " ")).Output()
	require.NoError(t, err)
	assert.Equal(t, strings.Join(words, "\x00")+"\x00", string(out))
}
