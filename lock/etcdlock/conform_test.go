package etcdlock_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/evertick/evertick/lock"
	"github.com/evertick/evertick/lock/etcdlock"
	"github.com/evertick/evertick/lock/locktest"
)

// The whole suite, against a real server behind a network that fails.
func TestLockConforms(t *testing.T) {
	t.Parallel() // it waits more than it works
	server := shared.start(t)
	root := admin(t, server)
	var network *proxy // of the latest lock
	declare := func(ttl time.Duration) func(t *testing.T) (a, b lock.Locker) {
		return func(t *testing.T) (a, b lock.Locker) {
			network = newProxy(t, server.addr())
			key := shared.key()
			fresh := func() lock.Locker { return etcdlock.New([]string{network.addr()}, key, etcdlock.TTL(ttl)) }
			return fresh(), fresh()
		}
	}
	locktest.Run(t, locktest.Subject{
		New:      declare(time.Minute),
		NewShort: declare(2 * time.Second),
		Steal: func(t *testing.T, a lock.Locker) {
			forget(t, root, a)
			thief, err := json.Marshal(lock.Owner{Name: "thief", PID: 1, Host: "elsewhere"})
			require.NoError(t, err)
			_, err = root.Put(within(t), keyOf(a), string(thief))
			require.NoError(t, err)
		},
		Forget:  func(t *testing.T, a lock.Locker) { forget(t, root, a) },
		Advance: func(d time.Duration) { <-time.After(d) },
		Victim:  func(t *testing.T, a lock.Locker) (kill func()) { return startVictim(t, a.String()).kill },
		Outage:  func(_ *testing.T, on bool) { network.setDown(on) },
		Stall: func(t *testing.T) (resume func()) {
			resume = network.stall()
			t.Cleanup(resume)
			return resume
		},
	})
}

// keyOf returns the key of a lock with a plain one.
func keyOf(l lock.Locker) string {
	_, rest, _ := strings.Cut(strings.TrimPrefix(l.String(), "etcd://"), "/")
	key, _, _ := strings.Cut(rest, "?")
	return key
}

func forget(t *testing.T, root *clientv3.Client, l lock.Locker) {
	gone, err := root.Delete(within(t), keyOf(l))
	require.NoError(t, err)
	require.EqualValues(t, 1, gone.Deleted)
}

// victim takes a lock, says so, and holds it until it is killed.
func victim(url string) int {
	l, err := lock.Parse(url)
	if err == nil {
		_, err = l.Acquire(context.Background(), lock.Owner{Name: "victim", PID: os.Getpid(), Host: "here", Since: time.Now()})
	}
	if err != nil {
		fmt.Println("error", err)
		return 1
	}
	fmt.Println("won")
	_, _ = io.Copy(io.Discard, os.Stdin)
	return 0
}

// process is the test binary, playing another process.
type process struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	lines *bufio.Scanner
}

// startProcess starts one that ends with the test.
func startProcess(t testing.TB, env ...string) *process {
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), env...)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	p := &process{cmd: cmd, stdin: stdin, lines: bufio.NewScanner(stdout)}
	t.Cleanup(p.kill)
	return p
}

// startVictim starts a process that holds the lock.
func startVictim(t testing.TB, url string) *process {
	p := startProcess(t, victimEnv+"="+url)
	limit := time.AfterFunc(time.Minute, p.kill)
	defer limit.Stop()
	require.True(t, p.lines.Scan(), "the victim has ended")
	require.Equal(t, "won", p.lines.Text())
	return p
}

// kill ends the process by SIGKILL, and waits for it.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}
