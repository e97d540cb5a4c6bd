package main

import (
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/server/v3/embed"

	"github.com/evertick/evertick/clockwork"
)

// asCluster in the environment makes the test binary run cluster.
const asCluster = "CLUSTER_TEST_AS_CLUSTER"

func TestMain(m *testing.M) {
	if os.Getenv(asCluster) != "" {
		main()
	}
	os.Exit(m.Run())
}

// site is daemons in processes of their own, and the etcd that they share.
type site struct {
	testing.TB
	dir, lock string
	started   int
}

func newSite(t testing.TB, ttl time.Duration) *site {
	s := &site{TB: t, dir: t.TempDir()}
	s.lock = fmt.Sprintf("etcd://%s/cluster?ttl=%s", s.startEtcd(), ttl)
	return s
}

// startEtcd starts a server within this process, and returns its address.
func (s *site) startEtcd() string {
	config := embed.NewConfig()
	config.Dir = s.TempDir()
	config.LogLevel, config.LogOutputs = "panic", []string{os.DevNull}
	config.UnsafeNoFsync = true // a disk may be busy for longer than a lease lives
	free := []url.URL{{Scheme: "http", Host: "127.0.0.1:0"}}
	config.ListenPeerUrls, config.AdvertisePeerUrls = free, free
	config.ListenClientUrls, config.AdvertiseClientUrls = free, free
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	etcd, err := embed.StartEtcd(config)
	require.NoError(s, err)
	s.Cleanup(etcd.Close)
	select {
	case <-etcd.Server.ReadyNotify():
	case <-time.After(time.Minute):
		require.FailNow(s, "etcd does not become ready")
	}
	return etcd.Clients[0].Addr().String()
}

// start starts a daemon, and waits until it executes or stands by.
func (s *site) start() *exec.Cmd {
	s.Helper()
	s.started++
	log := filepath.Join(s.dir, fmt.Sprint("out-", s.started))
	out, err := os.Create(log)
	require.NoError(s, err)
	defer out.Close()
	cmd := exec.Command(os.Args[0], "-v", "--every", "50ms", "--lock", s.lock,
		"--witness", filepath.Join(s.dir, "witness"), "--log", log+".log")
	cmd.Env, cmd.Stdout, cmd.Stderr = append(os.Environ(), asCluster+"=1"), out, out
	require.NoError(s, cmd.Start())
	s.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if s.Failed() {
			text, _ := os.ReadFile(log)
			s.Logf("PID %d:\n%s", cmd.Process.Pid, text[max(0, len(text)-2000):])
		}
	})
	s.eventually("it executes or stands by", func() bool {
		text, _ := os.ReadFile(log)
		return strings.Contains(string(text), "beat ") || strings.Contains(string(text), "Standing by.")
	})
	return cmd
}

func (s *site) eventually(what string, yes func() bool) {
	s.Helper()
	for limit := time.Now().Add(time.Minute); !yes(); <-time.After(2 * time.Millisecond) {
		require.True(s, time.Now().Before(limit), "in a minute: %s", what)
	}
}

// beat is what a daemon has executed, by the machine's boot time.
type beat struct {
	pid        int
	token      uint64
	start, end time.Duration
}

// beats returns them in the order in which they were written. A look may meet a line
// of which a half is there.
func (s *site) beats() (all []beat) {
	text, err := os.ReadFile(filepath.Join(s.dir, "witness"))
	require.NoError(s, err)
	for line := range strings.Lines(string(text)) {
		if !strings.HasSuffix(line, "\n") {
			break
		}
		var b beat
		_, err := fmt.Sscan(line, &b.pid, &b.token, &b.start, &b.end)
		require.NoError(s, err, "%q", line)
		all = append(all, b)
	}
	return all
}

// now is a reading of the witness's clock.
func now() time.Duration { return clockwork.Real().Boot() }

// next waits for a beat of another process that began after that time.
func (s *site) next(after time.Duration, other *exec.Cmd) (found beat) {
	s.Helper()
	s.eventually("another one executes", func() bool {
		all := s.beats()
		n := slices.IndexFunc(all, func(b beat) bool { return b.start > after && (other == nil || b.pid != other.Process.Pid) })
		if n >= 0 {
			found = all[n]
		}
		return n >= 0
	})
	return found
}

func (s *site) signal(p *exec.Cmd, sig syscall.Signal) (at time.Duration) {
	at = now()
	require.NoError(s, p.Process.Signal(sig))
	return at
}

// Three processes share a lock in etcd. Whoever holds it is stopped, suspended for
// longer than the TTL, and killed; each time another one executes, and never two do
// as the one who checks the token sees it.
func TestThreeProcessesTakeOverFromEachOther(t *testing.T) {
	s := newSite(t, 5*time.Second)
	daemons := []*exec.Cmd{s.start(), s.start(), s.start()}
	holder := func(b beat) *exec.Cmd {
		return daemons[slices.IndexFunc(daemons, func(p *exec.Cmd) bool { return p.Process.Pid == b.pid })]
	}
	stopped := daemons[0]
	second := holder(s.next(s.signal(stopped, syscall.SIGTERM), stopped))
	require.NoError(t, stopped.Wait())

	at := s.signal(second, syscall.SIGSTOP)
	third := holder(s.next(at, second))
	s.signal(second, syscall.SIGCONT)
	require.Error(t, second.Wait(), "without a supervisor a lost lock is an end with status 1")
	require.Equal(t, 1, second.ProcessState.ExitCode())

	daemons = append(daemons, s.start())
	fourth := holder(s.next(s.signal(third, syscall.SIGKILL), third))
	s.next(now(), nil)
	s.signal(fourth, syscall.SIGTERM)
	require.NoError(t, fourth.Wait())

	var last beat
	late := 0
	for _, b := range s.beats() {
		if b.token < last.token { // as it was about to begin when it was suspended
			require.Equal(t, second.Process.Pid, b.pid)
			late++
			continue
		}
		require.GreaterOrEqual(t, b.start, last.end, "two at once: %+v and %+v", last, b)
		last = b
	}
	require.LessOrEqual(t, late, 1)
}

// BenchmarkTakeOver is the time from the signal that ends a holder to the first
// execute of the standby beside it.
func BenchmarkTakeOver(b *testing.B) {
	for name, sig := range map[string]syscall.Signal{"stop": syscall.SIGTERM, "kill": syscall.SIGKILL} {
		b.Run(name+"/TTL=2s", func(b *testing.B) {
			s := newSite(b, 2*time.Second)
			holder := s.start()
			var took []time.Duration
			for range b.N {
				standby := s.start()
				s.next(now(), standby)
				at := s.signal(holder, sig)
				took = append(took, s.next(at, holder).start-at)
				_ = holder.Wait()
				holder = standby
			}
			slices.Sort(took)
			millis := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
			b.ReportMetric(millis(took[len(took)/2]), "p50-ms")
			b.ReportMetric(millis(took[len(took)-1]), "max-ms")
			b.ReportMetric(0, "ns/op")
		})
	}
}
