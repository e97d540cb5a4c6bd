//go:build linux

package main

import (
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// hostile is an environment that a daemon is started in: a shell's words before the
// program, and what is prepared for it. Every act of every environment has an
// expectation: it succeeds, unless differs has another one.
type hostile struct {
	shell   string
	root    bool // only root can prepare it
	prepare func(s *site)
	differs map[string]func(p *process)
}

// acts are what a daemon does in each environment, in this order.
var acts = []struct {
	name string
	do   func(p *process)
}{
	{"start", func(p *process) { p.logged("Application Startup", 1) }},
	{"tick", func(p *process) { p.beats(2) }},
	{"rotate", func(p *process) {
		require.NoError(p, os.Rename(p.path("log"), p.path("log.1")))
		p.logged("beat", 2)
	}},
	{"dump", func(p *process) {
		p.signal(p.daemon(), syscall.SIGUSR1)
		p.logged("Dump of drill", 1)
	}},
	{"restart", func(p *process) {
		p.signal(p.daemon(), syscall.SIGHUP)
		p.logged("Restart: 1 (SIGHUP)", 1)
		p.beats(1)
	}},
	{"stop", func(p *process) {
		p.signal(p.daemon(), syscall.SIGTERM)
		require.Zero(p, p.exit())
		p.requireEnd(0)
	}},
}

// daemon returns the daemon's number here: in a namespace of its own its PID file has
// another one.
func (p *process) daemon() int {
	pids := p.living()
	require.NotEmpty(p, pids)
	return pids[len(pids)-1]
}

var hostiles = map[string]hostile{
	"none":                        {},
	"descriptor 0 closed":         {shell: `exec "$@" 0<&-`},
	"descriptor 1 closed":         {shell: `exec "$@" 1>&-`},
	"descriptor 2 closed":         {shell: `exec "$@" 2>&-`},
	"descriptors 0, 1, 2 closed":  {shell: `exec "$@" 0<&- 1>&- 2>&-`},
	"standard output full":        {shell: `exec "$@" >/dev/full 2>&1`},
	"no HOME, no PATH":            {shell: `unset HOME PATH USER LOGNAME; exec "$@"`},
	"a user without passwd entry": {root: true, shell: `exec setpriv --reuid 4242 --regid 4242 --clear-groups "$@"`, prepare: func(s *site) { require.NoError(s, os.Chmod(s.dir, 0o777)) }},
	"NOTIFY_SOCKET absent":        {shell: `NOTIFY_SOCKET=/no/such/socket exec "$@"`},
	"NOTIFY_SOCKET closed":        {shell: `NOTIFY_SOCKET="$PWD/closed" exec "$@"`, prepare: func(s *site) { require.NoError(s, s.bindNotify("closed").Close()) }},
	"NOTIFY_SOCKET full": {shell: `NOTIFY_SOCKET="$PWD/full" exec "$@"`, prepare: func(s *site) {
		conn := s.bindNotify("full")
		for out, err := net.Dial("unixgram", s.path("full")); err == nil; _, err = out.Write([]byte("STATUS=x")) {
			require.NoError(s, out.SetWriteDeadline(deadlineSoon()))
		}
		s.Cleanup(func() { _ = conn.Close() })
	}},
	"few descriptors": {shell: `ulimit -n 48; exec "$@"`},
	"nohup": {shell: `trap "" HUP; exec "$@"`, differs: map[string]func(p *process){
		"restart": func(p *process) {
			p.signal(p.daemon(), syscall.SIGHUP)
			p.beats(2)
			require.NotContains(p, p.read("log"), "Restart Asked")
		},
	}},
	"/proc unmounted": {root: true, shell: `exec unshare -m sh -c 'umount -l /proc && exec "$@"' sh "$@"`},
}

// bindNotify makes a supervisor's socket.
func (s *site) bindNotify(name string) *net.UnixConn {
	s.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: s.path(name), Net: "unixgram"})
	require.NoError(s, err)
	return conn
}

// Every act of a daemon has its outcome in every hostile environment.
func TestHostileEnvironments(t *testing.T) {
	t.Parallel()
	for name, h := range hostiles {
		t.Run(strings.ReplaceAll(name, "/", ""), func(t *testing.T) {
			t.Parallel()
			if h.root {
				needsRoot(t)
			}
			s := newSite(t)
			if h.prepare != nil {
				h.prepare(s)
			}
			words := append([]string{s.bin}, s.args()...)
			if h.shell != "" {
				words = append([]string{"/bin/sh", "-c", h.shell, "sh"}, words...)
			}
			cmd := exec.Command(words[0], words[1:]...)
			cmd.Dir, cmd.Env = s.dir, s.env
			p := s.launch(cmd)
			for _, act := range acts {
				do := act.do
				if other := h.differs[act.name]; other != nil {
					do = other
				}
				do(p)
			}
		})
	}
}

// deadlineSoon is when a write to a full socket is given up.
func deadlineSoon() time.Time { return time.Now().Add(10 * time.Millisecond) }
