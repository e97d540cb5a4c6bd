//go:build linux

package main

import (
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/memcache/memcachetest"
)

// pair starts a holder and a standby beside it, which waits.
func (s *site) pair(args ...string) (holder, standby *process) {
	s.Helper()
	holder = s.start(s.args(args...)...)
	s.beats(2)
	standby = s.start(s.args(append(args, "--standby", "--log", s.path("standby.log"), "-p", s.path("standby.pid"), "-v")...)...)
	s.eventually("the standby to stand by", func() bool { return strings.Contains(s.read(standby.out), "Standing by. lock ") })
	require.NoFileExists(s, s.path("standby.pid"), "it touches nothing before the lock is its own")
	return holder, standby
}

// takesOver waits for the standby to execute, alone.
func (p *process) takesOver() {
	p.Helper()
	p.eventually("the standby to execute", func() bool {
		beats := p.witness()
		return len(beats) > 0 && beats[len(beats)-1].pid == p.pid
	})
	p.beats(2)
	p.requireOneAtATime()
	p.signal(p.pid, syscall.SIGTERM)
	require.Zero(p, p.exit())
	p.requireOneAtATime()
}

// A standby executes when the holder has ended, cleanly or by SIGKILL. That of a
// lock in memcached waits for the lease to end after a SIGKILL.
func TestAStandbyTakesOver(t *testing.T) {
	for name, lock := range map[string]func(t *testing.T) []string{
		"file": func(*testing.T) []string { return nil },
		"memcached": func(t *testing.T) []string {
			return []string{"--lock", "memcached://" + memcachetest.Start(t).Address() + "/drill?ttl=4s"}
		},
	} {
		for how, sig := range map[string]syscall.Signal{"after a stop": syscall.SIGTERM, "after SIGKILL": syscall.SIGKILL} {
			t.Run(name+" "+how, func(t *testing.T) {
				t.Parallel()
				s := plainSite(t)
				holder, standby := s.pair(lock(t)...)
				s.signal(holder.pid, sig)
				holder.exit()
				standby.takesOver()
			})
		}
	}
}

// A standby warms up while it waits, and is ready when it is warm: when it takes over
// it only sets up.
func TestAStandbyWarmsUp(t *testing.T) {
	t.Parallel()
	s := plainSite(t)
	holder, standby := s.pair("--warm-up", "200ms")
	s.eventually("the standby to be warm", func() bool { return strings.Contains(s.read(standby.out), "Warmed up in ") })
	s.signal(holder.pid, syscall.SIGTERM)
	require.Zero(t, holder.exit())
	standby.takesOver()
	require.Regexp(t, `(?s)Standing by\. .*Warmed up in .*Application Startup`, s.read(standby.out))
}

// The lease of a daemon that warms up for longer than its TTL is renewed: a standby
// does not win it.
func TestALeaseIsKeptDuringAWarmUp(t *testing.T) {
	t.Parallel()
	s := plainSite(t)
	lock := []string{"--lock", "memcached://" + memcachetest.Start(t).Address() + "/drill?ttl=4s"}
	holder := s.start(s.args(append(lock, "--warm-up", "6s")...)...)
	s.eventually("the lock to be taken", func() bool { return strings.Contains(s.read("log"), "Application Startup") })
	standby := s.start(s.args(append(lock, "--standby", "--log", s.path("standby.log"), "-p", s.path("standby.pid"), "-v")...)...)
	s.eventually("the standby to stand by", func() bool { return strings.Contains(s.read(standby.out), "Standing by. lock ") })
	s.beats(2)
	require.Equal(t, holder.pid, s.starts()[0].pid)
	s.signal(standby.pid, syscall.SIGTERM)
	require.Zero(t, standby.exit())
	s.signal(holder.pid, syscall.SIGTERM)
	require.Zero(t, holder.exit())
	s.requireOneAtATime()
}

// A standby that finds nobody at its lock's address waits for the server; any other
// daemon ends, and names it.
func TestAStandbyWaitsForItsServer(t *testing.T) {
	t.Parallel()
	s := plainSite(t)
	server := memcachetest.Start(t)
	server.Kill()
	url := "memcached://" + server.Address() + "/drill?ttl=4s"
	got := s.run("--lock", url)
	require.Equal(t, 1, got.code)
	require.Contains(t, got.err, server.Address()+": connect: connection refused: is memcached running there?")

	p := s.start(s.args("--standby", "--lock", url)...)
	s.eventually("the standby to say that it waits", func() bool {
		return strings.Contains(s.read(p.out), "Warning: standing by, because the lock cannot be asked for: lock: take "+url)
	})
	server.Restart()
	s.beats(2)
	s.signal(p.pid, syscall.SIGTERM)
	require.Zero(t, p.exit())
	s.requireOneAtATime()
}

// A standby ends at once when it is told to, and leaves the holder alone.
func TestAStandbyCanBeStopped(t *testing.T) {
	t.Parallel()
	s := plainSite(t)
	holder, standby := s.pair()
	s.signal(standby.pid, syscall.SIGTERM)
	require.Zero(t, standby.exit())
	s.beats(2)
	s.signal(holder.pid, syscall.SIGTERM)
	require.Zero(t, holder.exit())
	s.requireEnd(0)
}

// A daemon that a supervisor starts again after a SIGKILL finds the lease of its
// own dead process, and waits for it to end instead of taking it for another
// daemon's.
func TestADeadProcessesLeaseIsWaitedOut(t *testing.T) {
	t.Parallel()
	s := plainSite(t)
	args := s.args("--lock", "memcached://"+memcachetest.Start(t).Address()+"/drill?ttl=4s")
	s.kill(s.start(args...))
	again := s.start(args...)
	s.beats(2)
	require.Contains(t, s.read("log"), "which no longer lives")
	rival := s.run("--lock", args[1], "--log", s.path("rival.log"))
	require.Contains(t, rival.out, "Shutting Down: Lock Detected. Details: ")
	s.signal(again.pid, syscall.SIGTERM)
	require.Zero(t, again.exit())
	s.requireOneAtATime()
}
