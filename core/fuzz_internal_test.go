package core

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/core/host"
)

// What the program before has handed over is read whole or not at all, and whatever
// it says, the grid goes on.
func FuzzHandover(f *testing.F) {
	for _, text := range []string{
		"", "{}", "null", "[]", `{"pid_file":"fd:7","lease":"x","boot":1,"iterations":5,"schedule":{"GridAge":1000000000,"DueIn":-5}}`,
		`{"boot":9223372036854775807,"schedule":{"GridAge":9223372036854775807,"DueIn":-9223372036854775808}}`,
		`{"started":"0001-01-01T00:00:00Z","restarts":{},"mails":[{}]}`, `{"iterations":-9223372036854775808}`, `{"mails":7}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		h, err := readHandover(text)
		if err != nil {
			require.Nil(t, h)
			return
		}
		require.Equal(t, h.Iterations, h.stats().Iterations)
		now := time.Unix(1_800_000_000, 0)
		s := clockwork.ResumeSchedule(clockwork.Pacing{Interval: time.Second}, h.Schedule, now, now, 0)
		require.NotNil(t, s)
	})
}

// A command line of -s is understood or refused, and says one of the three.
func FuzzSendArguments(f *testing.F) {
	for _, line := range []string{
		"-s\x00stop\x00-p\x00x", "-s\x00stop", "-sstop\x00-px", "--signal=dump\x00--pid-file=", "-s\x00\x00-p\x00x", "-s\x00STOP\x00-p\x00x",
		"-s\x00stop\x00-s\x00dump\x00-p\x00x", "-ds\x00stop\x00-p\x00x", "-s\x00restart\x00-p\x00x\x00-i", "-s\x00stop\n\x00-p\x00x", "-p\x00-s\x00-s", "--", "@x",
	} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		for _, word := range strings.Split(line, "\x00") {
			if strings.HasPrefix(word, "@") {
				return // kingpin reads arguments from that file
			}
		}
		h := host.Real()
		h.Stdout, h.Stderr = io.Discard, io.Discard
		d := New("x", Every(time.Second), WithHost(h))
		require.NoError(t, d.prepare())
		if err := d.parse(strings.Split(line, "\x00")); err != nil || d.cmd.done || d.cmd.send == "" {
			return
		}
		require.Contains(t, []string{"stop", "restart", "dump"}, d.cmd.send)
		require.NotEmpty(t, d.cmd.pidFile)
		require.False(t, d.cmd.detach)
	})
}
