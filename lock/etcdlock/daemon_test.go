package etcdlock_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/lock"
)

// daemon is a real daemon that stands by for the lock, and writes down what it
// executes.
func daemon(url string) int {
	l, err := lock.Parse(url)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	witness, err := os.OpenFile(os.Getenv(witnessEnv), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	clock := clockwork.Real()
	os.Args = []string{"daemon"} // those of the test are none of its own
	core.New("daemon", core.Every(20*time.Millisecond), core.WithLock(l), core.Standby(),
		core.Execute(func(context.Context, *core.Daemon) error {
			start := clock.Boot()
			<-time.After(5 * time.Millisecond)
			_, err := fmt.Fprintf(witness, "%d 0 %d %d 0\n", os.Getpid(), start, clock.Boot())
			return err
		}),
	).Main()
	return 0
}

// daemons are processes with one lock.
type daemons struct {
	chaos // for its witness
	url   string
}

func (d *daemons) start(t *testing.T) *process {
	p := startProcess(t, daemonEnv+"="+d.url, witnessEnv+"="+d.witness)
	go func() { // so that the pipe is never full
		for p.lines.Scan() {
		}
	}()
	return p
}

// executes waits until the process executes what began after that boot time, and
// returns when that was.
func (d *daemons) executes(t *testing.T, p *process, after time.Duration) (first time.Duration) {
	t.Helper()
	require.Eventually(t, func() bool {
		for _, e := range d.read() {
			if e.pid == p.cmd.Process.Pid && e.start > after {
				first = e.start
				return true
			}
		}
		return false
	}, time.Minute, 5*time.Millisecond, "the daemon does not execute")
	return first
}

// Real daemons stand by, and take over from one that was killed, stopped or suspended.
func TestDaemonsTakeOver(t *testing.T) {
	t.Parallel() // it waits more than it works
	const ttl = 4 * time.Second
	clock := clockwork.Real()
	d := &daemons{url: fmt.Sprintf("etcd://%s/%s?ttl=%s", shared.start(t).addr(), shared.key(), ttl)}
	d.t, d.witness = t, filepath.Join(t.TempDir(), "witness")
	require.NoError(t, os.WriteFile(d.witness, nil, 0o600))

	holder := d.start(t)
	d.executes(t, holder, 0)
	standby := d.start(t)

	killed := clock.Boot()
	holder.kill()
	t.Logf("after SIGKILL, with a TTL of %s: %s", ttl, d.executes(t, standby, killed)-killed)

	holder, standby = standby, d.start(t)
	d.stands(t, holder)
	stopped := clock.Boot()
	require.NoError(t, holder.cmd.Process.Signal(syscall.SIGTERM))
	t.Logf("after SIGTERM: %s", d.executes(t, standby, stopped)-stopped)

	holder, standby = standby, d.start(t)
	d.stands(t, holder)
	require.NoError(t, holder.cmd.Process.Signal(syscall.SIGSTOP))
	suspended := clock.Boot()
	taken := d.executes(t, standby, suspended)
	t.Logf("after SIGSTOP: %s", taken-suspended)
	require.NoError(t, holder.cmd.Process.Signal(syscall.SIGCONT))
	d.executes(t, standby, clock.Boot()+ttl)
	// What was about to begin when it was suspended may begin, once.
	var begun []time.Duration
	for _, e := range d.read() {
		if e.pid == holder.cmd.Process.Pid && e.start > taken {
			begun = append(begun, e.start-taken)
		}
	}
	require.LessOrEqual(t, len(begun), 1, "the daemon that was suspended executes after another one has taken over: %v", begun)
}

// stands waits until the holder has executed for so long that a daemon that was started
// before stands by.
func (d *daemons) stands(t *testing.T, holder *process) {
	d.executes(t, holder, clockwork.Real().Boot()+time.Second)
}
