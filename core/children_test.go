package core_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/daemontest"
	"github.com/evertick/evertick/forker"
)

// childrenVariable makes this test binary a daemon with children.
const childrenVariable = "TEST_DAEMON_WITH_CHILDREN"

var (
	greets = forker.NewTask("greets", func(_ context.Context, c *forker.Child, name string) (string, error) {
		fmt.Print("one\ntwo")
		c.Logf("hello %s", name)
		c.Alertf("too warm")
		return name, nil
	})

	breaks = forker.NewTask("breaks", func(context.Context, *forker.Child, string) (string, error) {
		return "", errors.New("broken")
	})

	obeys = forker.NewTask("obeys", func(ctx context.Context, c *forker.Child, _ string) (string, error) {
		c.Logf("obeys is there")
		<-ctx.Done()
		return "", ctx.Err()
	})

	ignores = forker.NewTask("ignores", func(_ context.Context, c *forker.Child, _ string) (string, error) {
		signal.Ignore(syscall.SIGTERM)
		c.Logf("ignores is there")
		select {}
	})
)

// daemonWithChildren forks its children in the first iteration of each program.
func daemonWithChildren() *core.Daemon {
	forked := false
	patience := 8 * time.Second
	if os.Getenv(childrenVariable) == "patient" {
		patience = time.Hour
	}
	logChild := func(_ context.Context, d *core.Daemon, h core.HookInfo) {
		d.Logf("hook %s: %s %s %v", h.Hook, h.Child.Task, h.Child.State, h.Err)
	}
	return core.New(
		"nursery",
		core.Every(20*time.Millisecond),
		core.ShutdownTimeout(patience),
		core.On(core.HookFork, logChild), core.On(core.HookReap, logChild),
		core.Execute(func(_ context.Context, d *core.Daemon) error {
			if forked {
				return nil
			}
			forked = true
			for _, task := range []*forker.Task[string, string]{greets, breaks, obeys, ignores} {
				if _, err := task.Fork(d, "you"); err != nil {
					return err
				}
			}
			return nil
		}),
		core.Teardown(func(_ context.Context, d *core.Daemon) error {
			_, err := greets.Fork(d, "late")
			d.Logf("teardown: %d children; %v", len(d.Children().List()), err)
			return nil
		}),
	)
}

// output is the lines that a process has written.
type output struct {
	mu    sync.Mutex
	lines []string
}

func (o *output) read(scanner *bufio.Scanner) {
	for scanner.Scan() {
		o.mu.Lock()
		o.lines = append(o.lines, scanner.Text())
		o.mu.Unlock()
	}
}

// await waits for n lines that contain a text and returns the last of them.
func (o *output) await(t *testing.T, text string, n int) string {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(time.Millisecond) {
		o.mu.Lock()
		found, last := 0, ""
		for _, line := range o.lines {
			if strings.Contains(line, text) {
				found, last = found+1, line
			}
		}
		o.mu.Unlock()
		if found >= n {
			return last
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	require.FailNow(t, "it has not come", "%q %d times in\n%s", text, n, strings.Join(o.lines, "\n"))
	return ""
}

func TestChildrenOfADaemon(t *testing.T) {
	path, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(path)
	cmd.Env = append(os.Environ(), childrenVariable+"=1")
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	cmd.Stderr = os.Stderr
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	out := &output{}
	read := make(chan struct{})
	go func() {
		defer close(read)
		out.read(bufio.NewScanner(stdout))
	}()

	pid := cmd.Process.Pid
	var children []int
	for program := 1; program <= 2; program++ {
		for _, task := range []string{"obeys", "ignores"} {
			var child int
			var date, clock string
			_, err := fmt.Sscan(out.await(t, " "+task+" is there", program), &date, &clock, &child)
			require.NoError(t, err)
			require.NotEqual(t, pid, child)
			children = append(children, child)
		}
		for _, line := range []string{
			" one", " two", " hello you", "Task greets (PID ", "): too warm", "): broken",
			"hook fork: greets running <nil>", "hook reap: greets ended <nil>", "hook reap: breaks ended forker: task breaks (PID ",
		} {
			out.await(t, line, program)
		}
		require.NoError(t, cmd.Process.Signal(syscall.SIGUSR1))
		out.await(t, fmt.Sprintf(" PID %d, task obeys, running, ", children[2*program-2]), 1)
		out.await(t, fmt.Sprintf(" PID %d, task ignores, running, ", children[2*program-1]), 1)
		sig := syscall.SIGHUP
		if program == 2 {
			sig = syscall.SIGTERM
		}
		require.NoError(t, cmd.Process.Signal(sig))
		out.await(t, fmt.Sprintf("child %d (task ignores) has not ended within 4s: it was killed", children[2*program-1]), 1)
		out.await(t, "teardown: 0 children; forker: fork task greets: children are refused", program)
	}
	<-read
	require.NoError(t, cmd.Wait())
	require.Equal(t, pid, cmd.Process.Pid)
	for _, child := range children {
		require.ErrorIs(t, syscall.Kill(child, 0), syscall.ESRCH)
	}
}

// A full disk takes nothing away of what children print and say: it goes to standard
// output until there is room again.
func TestAChildThatPrintsOntoAFullDisk(t *testing.T) {
	play(t, equipped(core.Every(time.Second), forks(1)), daemontest.Scenario{
		Children: children(daemontest.Child().
			Takes(2500 * time.Millisecond).Prints("full\n").PrintsError("full, too\n").Logs("and full").
			Takes(2 * time.Second).Prints("room\n").Returns("")),
		Steps: daemontest.Steps{at(1.5, daemontest.DiskRoom(0)), at(3.5, daemontest.DiskRoom(-1)), stopAt(5.5)},
		Want: daemontest.Want{
			daemontest.Exit(0), daemontest.ChildEnds("obeys", 1, "exit status 0"),
			daemontest.Stdout(" full\n"), daemontest.Stdout(" full, too\n"), daemontest.Stdout(" and full\n"), daemontest.Logs("room"),
		},
	})
}

func TestADaemonThatHasNotStartedForksNothing(t *testing.T) {
	d := daemonWithChildren()
	_, err := greets.Fork(d, "you")
	require.ErrorIs(t, err, forker.ErrClosed)
}

// A second SIGTERM waits for no child: the daemon of this test would wait for
// an hour.
func TestASecondSIGTERMKillsTheChildren(t *testing.T) {
	path, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(path)
	cmd.Env = append(os.Environ(), childrenVariable+"=patient")
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	cmd.Stderr = os.Stderr
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	out := &output{}
	read := make(chan struct{})
	go func() {
		defer close(read)
		out.read(bufio.NewScanner(stdout))
	}()
	var date, clock string
	var child int
	_, err = fmt.Sscan(out.await(t, " ignores is there", 1), &date, &clock, &child)
	require.NoError(t, err)
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	out.await(t, "Shutting Down: SIGTERM", 1)
	deadline := time.After(30 * time.Second)
	for over := false; !over; { // a signal within half a second is the same stop
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-read:
			over = true
		case <-deadline:
			require.FailNow(t, "the daemon waits")
		case <-time.After(20 * time.Millisecond):
		}
	}
	var exit *exec.ExitError
	require.ErrorAs(t, cmd.Wait(), &exit)
	require.Equal(t, 1, exit.ExitCode())
	require.ErrorIs(t, syscall.Kill(child, 0), syscall.ESRCH)
	out.await(t, "Forced: SIGTERM once more", 1)
}
