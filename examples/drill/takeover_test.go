//go:build linux

package main

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/memcache/memcachetest"
)

// BenchmarkTakeOver is the time from the signal that ends a holder to the first
// execute of the standby beside it; and that with work of a second before it, done by
// Setup or by WarmUp. docs/locks.md has the figures.
func BenchmarkTakeOver(b *testing.B) {
	file := func(s *site) string { return s.path("lock") }
	for name, c := range map[string]struct {
		url  func(s *site) string
		args []string
	}{
		"file": {url: file},
		"memcached": {url: func(s *site) string {
			return "memcached://" + memcachetest.Start(s).Address() + "/drill?ttl=4s"
		}},
		"file, setup of 1 s":   {file, []string{"--setup", "1s"}},
		"file, warm-up of 1 s": {file, []string{"--warm-up", "1s"}},
	} {
		for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
			b.Run(fmt.Sprintf("%s/%d", name, sig), func(b *testing.B) {
				s := plainSite(b)
				s.takeOvers(append(c.args, "--lock", c.url(s)), sig, b)
			})
		}
	}
}

// takeOvers ends one holder after the other.
func (s *site) takeOvers(args []string, sig syscall.Signal, b *testing.B) {
	start := func(n int) *process {
		name := fmt.Sprint("daemon-", n)
		return s.start(s.args(append(args, "--standby", "--log", s.path(name+".log"), "-p", s.path(name+".pid"), "-v")...)...)
	}
	executes := func(p *process, after time.Duration) (first time.Duration) {
		s.eventually("the next one to execute", func() bool {
			beats := s.starts()
			n := slices.IndexFunc(beats, func(b beat) bool { return b.pid == p.pid && b.at > after })
			if n >= 0 {
				first = beats[n].at
			}
			return n >= 0
		})
		return first
	}
	holder := start(0)
	executes(holder, 0)
	var took []time.Duration
	for n := range b.N {
		standby := start(n + 1)
		s.eventually("the standby to stand by", func() bool {
			said := s.read(standby.out)
			return strings.Contains(said, "Standing by. lock ") && strings.Contains(said, "Warmed up in ")
		}) // drill has a warm-up always
		executes(holder, bootNow()) // it sleeps until its next tick
		ended := bootNow()
		s.signal(holder.pid, sig)
		took = append(took, executes(standby, ended)-ended)
		holder.exit()
		holder = standby
	}
	slices.Sort(took)
	millis := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	b.ReportMetric(millis(took[len(took)/2]), "p50-ms")
	b.ReportMetric(millis(took[len(took)-1]), "max-ms")
	b.ReportMetric(0, "ns/op")
	require.Len(b, took, b.N)
}
