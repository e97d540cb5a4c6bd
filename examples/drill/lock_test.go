//go:build linux

package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOfTwentyStartersAtOnceOneBeats(t *testing.T) {
	for name, prepare := range map[string]func(s *site){
		"fresh": func(*site) {},
		"empty": func(s *site) { s.write("lock", "", 0o644) },
		"torn":  func(s *site) { s.write("lock", `{"name":"drill","pid":47`, 0o644) },
		"stale": func(s *site) { s.kill(s.start(s.args()...)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for range 3 {
				s := plainSite(t)
				prepare(s)
				s.oneOf(20)
			}
			if name == "fresh" {
				newSite(t).oneOf(20)
			}
		})
	}
}

// kill ends a daemon that beats as a crash would.
func (s *site) kill(p *process) {
	s.Helper()
	s.beats(1)
	s.signal(p.pid, syscall.SIGKILL)
	require.Equal(s, 128+9, p.exit())
	for _, name := range []string{"log", "witness"} {
		require.NoError(s, os.Remove(s.path(name)))
	}
}

// oneOf starts n daemons at the same instant: each waits in a shell for a
// gate, which opens for all of them at once.
func (s *site) oneOf(n int) {
	s.Helper()
	gate, open, err := os.Pipe()
	require.NoError(s, err)
	var all []*process
	for range n {
		cmd := exec.Command("sh", append([]string{"-c", `read _; exec "$@"`, "sh", s.bin}, s.args()...)...)
		cmd.Dir, cmd.Env, cmd.Stdin = s.dir, s.env, gate
		all = append(all, s.launch(cmd))
	}
	require.NoError(s, gate.Close())
	_, err = io.WriteString(open, strings.Repeat("\n", n))
	require.NoError(s, err)
	require.NoError(s, open.Close())

	s.eventually("all but one to leave", func() bool {
		left := 0
		for _, p := range all {
			if !p.over() {
				left++
			}
		}
		return left <= 1
	})
	s.beats(2)
	var winner *process
	for _, p := range all {
		if !p.over() {
			require.Nil(s, winner)
			winner = p
			continue
		}
		require.Zero(s, p.exit(), s.read(p.err))
		require.Empty(s, s.read(p.err))
		require.Regexp(s, fmt.Sprintf(`^\[.*\] %d Shutting Down: Lock Detected\. Details: lock file:\S+ is held.*\n$`, p.pid), s.read(p.out))
	}
	require.NotNil(s, winner, "nobody beats")
	require.Equal(s, []int{winner.pid}, s.living())
	require.Equal(s, winner.pid, s.pidFile())
	require.Contains(s, s.read("lock"), fmt.Sprintf(`"pid":%d`, winner.pid))
	require.Equal(s, []string{"lock", "lock.state", "log", "pid", "witness"}, s.files(), "something was left behind")
	for line := range strings.Lines(s.read("log")) {
		require.Contains(s, line, fmt.Sprintf("] %d ", winner.pid))
	}
	for _, b := range s.witness() {
		require.Equal(s, winner.pid, b.pid)
	}
	named := func(p *process) bool {
		return p != winner && strings.Contains(s.read(p.out), fmt.Sprintf("held by drill, PID %d on ", winner.pid))
	}
	// Not by all: the winner writes its details after it has locked the file.
	require.True(s, slices.ContainsFunc(all, named), "nobody was told who the owner is")
	s.signal(winner.pid, syscall.SIGTERM)
	require.Zero(s, winner.exit())
	s.requireEnd(0)
}

func TestTheTokenGrowsWithEachOwner(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for range 4 {
		p := s.start(s.args()...)
		s.beats(1)
		s.signal(p.pid, syscall.SIGHUP)
		s.eventually("the restart", func() bool { return restarted(p.pid) })
		s.beats(2)
		s.signal(p.pid, syscall.SIGTERM)
		require.Zero(t, p.exit())
	}
	tokens := map[int]uint64{}
	last := uint64(0)
	for _, b := range s.witness() {
		if known, ok := tokens[b.pid]; ok {
			require.Equal(t, known, b.token, "a restart keeps it")
			continue
		}
		require.Greater(t, b.token, last)
		tokens[b.pid], last = b.token, b.token
	}
	require.Len(t, tokens, 4)
}

func TestTheNullLockKeepsNobodyAway(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	a := s.start("--lock", "null:", "--log", s.path("log"), "--witness", s.path("witness"))
	b := s.start("--lock", "null:", "--log", s.path("log"), "--witness", s.path("witness"))
	s.logged("beat 1", 2)
	for _, p := range []*process{a, b} {
		s.signal(p.pid, syscall.SIGTERM)
		require.Zero(t, p.exit())
	}
	require.Equal(t, []string{"log", "witness"}, s.files())
}
