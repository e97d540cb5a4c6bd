package core

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/core/host"
	"github.com/evertick/evertick/forker/pidfile"
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

// asked is a process that is signalled, whose end nobody sees.
type asked struct{ pidfile.Process }

func (asked) PID() int               { return 7 }
func (asked) Signal(os.Signal) error { return nil }
func (asked) Ignores(os.Signal) bool { return false }

func (asked) Wait(ctx context.Context) error {
	<-ctx.Done()
	return context.Cause(ctx)
}

// askedFiles name that process.
type askedFiles struct{ pidfile.Files }

func (askedFiles) Find(string) (pidfile.Process, error) { return asked{}, nil }

// replies are what it says, one after the other.
type replies struct{ left []string }

func (r *replies) Listen(string, int) (pidfile.Reply, error) { return r, nil }
func (r *replies) Give(string, string)                       {}
func (r *replies) Close() error                              { return nil }

func (r *replies) Wait(context.Context) (string, error) {
	if len(r.left) == 0 {
		return "", errors.New("no reply")
	}
	reply := r.left[0]
	r.left = r.left[1:]
	return reply, nil
}

// Whatever a daemon replies, -s ends with 0 where that says ok to what was asked,
// else with 1, and nothing of it reaches the terminal as a command.
func FuzzReplyToSend(f *testing.F) {
	for _, reply := range []string{"dump ok State: sleeping\n", "restart refused typo", "", "dump", "dump ok \x1b[2J\x07", "stop ok x", "dump  ok", "dump ok \xff\u009b"} {
		f.Add(reply, "dump ok then")
		f.Add("restart ok", reply)
	}
	f.Fuzz(func(t *testing.T, first, second string) {
		var out bytes.Buffer
		h := host.Real()
		h.Stdout, h.Stderr, h.PIDFiles, h.Replies = &out, &out, askedFiles{}, &replies{[]string{first, second}}
		d := New("x", Every(time.Second), WithHost(h))
		require.NoError(t, d.prepare())
		require.NoError(t, d.parse([]string{"-s", "dump", "-p", "x.pid"}))
		code := d.sendSignal(t.Context())
		ok := false
		for _, reply := range []string{first, second} {
			if reply == "dump" || strings.HasPrefix(reply, "dump ") {
				ok = reply == "dump ok" || strings.HasPrefix(reply, "dump ok ")
				break
			}
		}
		require.Equal(t, ok, code == 0)
		for _, r := range out.String() {
			require.False(t, unicode.IsControl(r) && r != '\n' && r != '\t', "%q", out.String())
		}
	})
}

// Whatever the state file holds, it is none of ours, and stays as it is, or one that
// can be told of and written over.
func FuzzStateFile(f *testing.F) {
	for _, text := range []string{
		"", "\x00\x00", "{}", "null", `{"pid":7,"host":"h","started":"2026-01-01T00:00:00Z","boot":1,"at":"2026-01-01T00:00:00Z","iteration":3,"log":"/dev/null"}`,
		`{"pid":-1}`, `{"pid":9223372036854775807,"iteration":-5,"log":"/no/such\nfile"}`, `{"pid":1,"start":"a/b/c"}`, "root:x:0:0\n", `[{"pid":1}]`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		path := filepath.Join(t.TempDir(), "state")
		require.NoError(t, os.WriteFile(path, text, 0o600))
		s := stateFile{files: host.Disk(), path: path}
		before := s.read()
		if before != nil {
			require.Positive(t, before.PID)
			before.rebooted("1/2", time.Hour)
		}
		foreign := s.foreign()
		require.False(t, before != nil && foreign != nil)
		err := s.begin(lifeState{PID: 77, Host: "h"})
		require.Equal(t, foreign == nil, err == nil)
		if err != nil {
			got, readErr := os.ReadFile(path)
			require.NoError(t, readErr)
			require.Equal(t, string(text), string(got))
			return
		}
		require.Equal(t, 77, s.read().PID)
		require.NoError(t, s.end())
		require.NoFileExists(t, path)
	})
}

// Whatever a log ends with, the last word of a process is a line of it, or none.
func FuzzLastWord(f *testing.F) {
	f.Add("[2026-01-01 00:00:00] 7 beat\npanic: boom\n\ngoroutine 1\n")
	f.Add("{\"pid\":7}\r\nfatal error: x\n[")
	f.Fuzz(func(t *testing.T, text string) {
		word := findLastWord(text, 7)
		require.NotContains(t, word, "\n")
		require.Contains(t, text, word)
	})
}
