package lock_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/evertick/evertick/internal/leaktest"
	"github.com/evertick/evertick/lock"
)

// The test binary plays a process that wants the lock when this is set. It
// takes commands line by line, and answers each with one line.
const helperEnv = "EVERTICK_LOCK_HELPER"

func TestMain(m *testing.M) {
	if os.Getenv(helperEnv) != "" {
		os.Exit(helper(os.Stdin, os.Stdout))
	}
	leaktest.Main(m)
}

func self() lock.Owner {
	host, _ := os.Hostname()
	return lock.Owner{Name: "helper", PID: os.Getpid(), Host: host, Since: time.Now()}
}

// helper carries out:
//
//	acquire PATH AT    take the lock at that instant (nanoseconds of the wall clock)
//	renew, release
//	spawn              start a child, and tell its PID
//	exec PATH N        hand over and exec, N times
//	exec-starved PATH  the same once, and inherit without a free descriptor
//	inherit            inherit again
func helper(in io.Reader, out io.Writer) int {
	var lease lock.Lease
	if value := os.Getenv("HANDOFF"); value != "" {
		var err error
		if os.Getenv("STARVED") != "" {
			_, err = helperInheritStarved(value)
			_, _ = fmt.Fprintln(out, "error", err)
		} else if lease, err = helperInherit(value); err != nil {
			_, _ = fmt.Fprintln(out, "error", err)
			return 1
		}
		if left, _ := strconv.Atoi(os.Getenv("LEFT")); left > 0 {
			return helperExec(lease, os.Getenv("LOCK"), left)
		}
		if lease != nil {
			_, _ = fmt.Fprintln(out, "inherited", lease.Token())
		}
	}
	for lines := bufio.NewScanner(in); lines.Scan(); {
		args := strings.Fields(lines.Text())
		var err error
		answer := "ok"
		switch args[0] {
		case "acquire":
			lease, answer, err = helperAcquire(args[1], args[2])
		case "renew":
			err = lease.Renew(context.Background())
		case "release":
			err = lease.Release(context.Background())
		case "spawn":
			child := exec.Command("sleep", "60")
			err = child.Start()
			if err == nil {
				answer = strconv.Itoa(child.Process.Pid)
			}
		case "inherit":
			if lease, err = helperInherit(os.Getenv("HANDOFF")); err == nil {
				answer = fmt.Sprint("inherited ", lease.Token())
			}
		case "exec-starved":
			return helperExec(lease, args[1], 1, "STARVED=1")
		case "exec":
			left, _ := strconv.Atoi(args[2])
			return helperExec(lease, args[1], left)
		}
		if err != nil {
			answer = "error " + err.Error()
		}
		_, _ = fmt.Fprintln(out, answer)
	}
	return 0
}

func helperAcquire(path, at string) (lock.Lease, string, error) {
	nanos, err := strconv.ParseInt(at, 10, 64)
	if err != nil {
		return nil, "", err
	}
	time.Sleep(time.Until(time.Unix(0, nanos)))
	lease, err := lock.File(path).Acquire(context.Background(), self())
	switch {
	case errors.Is(err, lock.ErrHeld):
		var held *lock.HeldError
		errors.As(err, &held)
		return nil, fmt.Sprintf("held %d", held.Holder.PID), nil
	case err != nil:
		return nil, "", err
	}
	return lease, fmt.Sprintf("won %d", lease.Token()), nil
}

func helperInherit(value string) (lock.Lease, error) {
	return lock.File(os.Getenv("LOCK")).Inherit(context.Background(), self(), value)
}

// helperInheritStarved tries it without a free descriptor.
func helperInheritStarved(value string) (lock.Lease, error) {
	if err := starve(true); err != nil {
		return nil, err
	}
	defer func() { _ = starve(false) }()
	return helperInherit(value)
}

// starve sets how many descriptors this process may have.
func starve(yes bool) error {
	limit := unix.Rlimit{Cur: 1 << 10, Max: 1 << 10}
	if yes {
		limit.Cur = 3
	}
	return unix.Setrlimit(unix.RLIMIT_NOFILE, &limit)
}

// helperExec replaces the process by itself.
func helperExec(lease lock.Lease, path string, left int, env ...string) int {
	h, err := lease.Handoff()
	if err == nil {
		_, err = unix.FcntlInt(h.File.Fd(), unix.F_SETFD, 0)
	}
	if err == nil {
		var exe string
		exe, err = os.Executable()
		if err == nil {
			err = syscall.Exec(exe, os.Args, append(env,
				helperEnv+"=1", "LOCK="+path, "HANDOFF="+h.Value, "LEFT="+strconv.Itoa(left-1)))
		}
	}
	fmt.Println("error", err)
	return 1
}

// process is a helper, seen from the test.
type process struct {
	cmd     *exec.Cmd
	stdin   io.WriteCloser
	answers *bufio.Reader
}

// start starts a helper, which dies with the test.
func start(t *testing.T) *process {
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), helperEnv+"=1")
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	p := &process{cmd, stdin, bufio.NewReader(stdout)}
	t.Cleanup(p.kill)
	return p
}

// tell gives a command and does not wait for the answer.
func (p *process) tell(t *testing.T, command string, args ...any) {
	_, err := fmt.Fprintf(p.stdin, command+"\n", args...)
	require.NoError(t, err)
}

func (p *process) answer(t *testing.T) string {
	limit := time.AfterFunc(time.Minute, func() { _ = p.cmd.Process.Kill() })
	defer limit.Stop()
	line, err := p.answers.ReadString('\n')
	require.NoError(t, err, "a helper ended without an answer")
	return strings.TrimSpace(line)
}

func (p *process) ask(t *testing.T, command string, args ...any) string {
	p.tell(t, command, args...)
	return p.answer(t)
}

// kill ends the helper as SIGKILL does, and waits for it.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

func (p *process) pid() int { return p.cmd.Process.Pid }
