package core

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestFindLastWord(t *testing.T) {
	const line, other = "[2026-01-01 00:00:00] 77 beat\n", "[2026-01-01 00:00:00] 78 beat\n"
	for _, c := range []struct{ name, text, want string }{
		{"nothing", "", ""},
		{"lines alone", line + line + other, ""},
		{"a panic", line + "panic: a\n\ngoroutine 1:\n\tmain.go\n" + other, "panic: a"},
		{"a panic in a panic", line + "panic: a [recovered]\n\tpanic: b\n", "panic: a [recovered]"},
		{"a fatal error behind other words", line + "C library: odd\nfatal error: concurrent map writes\nmore\n", "fatal error: concurrent map writes"},
		{"a signal", line + "SIGQUIT: quit\nPC=0x1\n", "SIGQUIT: quit"},
		{"log.Fatal", line + "2026/11/26 09:00:00 no database\n", "2026/11/26 09:00:00 no database"},
		{"of an earlier process", "panic: old\n" + line, ""},
		{"JSON", `{"time":"x","pid":77}` + "\npanic: a\n" + `{"time":"x","pid":78}` + "\n", "panic: a"},
		{"before a line of JSON", "panic: a\n" + `{"time":"x","pid":77}` + "\n", ""},
	} {
		assert.Equal(t, c.want, findLastWord(c.text, 77), c.name)
	}
}

func TestRebooted(t *testing.T) {
	for _, c := range []struct {
		then, now string
		boot      int64
		want      bool
	}{
		{"a/1", "a/2", 10, false},
		{"a/1", "b/2", 10, true},
		{"a/1", "a/2", 4, true},
		{"", "b/2", 10, false},
		{"1.5", "2.5", 10, false},
		{"a/1", "", 10, false},
	} {
		s := lifeState{Start: c.then, Boot: 5}
		assert.Equal(t, c.want, s.rebooted(c.now, time.Duration(c.boot)), c)
	}
}
