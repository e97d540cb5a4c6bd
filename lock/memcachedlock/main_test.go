package memcachedlock_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/internal/leaktest"
	"github.com/evertick/evertick/lock"
)

// The test binary plays a process that wants the lock when this is set.
const roleEnv = "EVERTICK_MEMCACHEDLOCK_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(roleEnv) {
	case "obey":
		obey(os.Stdin, os.Stdout)
	case "contend":
		if err := contend(os.Getenv("LOCK"), os.Getenv("WITNESS"), os.Stdin); err != nil {
			_, _ = fmt.Fprintln(os.Stderr, "contender:", err)
			os.Exit(1)
		}
	default:
		leaktest.Main(m)
	}
}

func self() lock.Owner {
	host, _ := os.Hostname()
	return lock.Owner{Name: "contender", PID: os.Getpid(), Host: host, Since: time.Now()}
}

// obey takes commands line by line, and answers each with one line:
//
//	acquire URL [AT]   take the lock, at that instant (nanoseconds of the wall clock)
//	renew, release
func obey(in io.Reader, out io.Writer) {
	var lease lock.Lease
	for lines := bufio.NewScanner(in); lines.Scan(); {
		args := strings.Fields(lines.Text())
		var err error
		answer := "ok"
		switch args[0] {
		case "acquire":
			lease, answer, err = acquire(args[1], append(args, "0")[2])
		case "renew":
			err = lease.Renew(context.Background())
		case "release":
			err = lease.Release(context.Background())
		}
		if err != nil {
			answer = "error " + err.Error()
		}
		_, _ = fmt.Fprintln(out, answer)
	}
}

func acquire(url, at string) (lock.Lease, string, error) {
	l, err := lock.Parse(url)
	if err != nil {
		return nil, "", err
	}
	var nanos int64
	_, _ = fmt.Sscan(at, &nanos)
	<-time.After(time.Until(time.Unix(0, nanos)))
	lease, err := l.Acquire(context.Background(), self())
	var held *lock.HeldError
	switch {
	case errors.As(err, &held):
		return nil, fmt.Sprintf("held %d", held.Holder.PID), nil
	case err != nil:
		return nil, "", err
	}
	return lease, fmt.Sprintf("won %d", lease.Token()), nil
}

// process is a process of this test binary.
type process struct {
	cmd     *exec.Cmd
	stdin   io.WriteCloser
	answers *bufio.Reader
}

// startProcess starts one, which ends with the test, and with the test binary: its
// standard input ends then.
func startProcess(t *testing.T, what string, env ...string) *process {
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(append(os.Environ(), env...), roleEnv+"="+what)
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

func startObeying(t *testing.T) *process { return startProcess(t, "obey") }

// tell gives a command and does not wait for the answer.
func (p *process) tell(t *testing.T, command string, args ...any) {
	_, err := fmt.Fprintf(p.stdin, command+"\n", args...)
	require.NoError(t, err)
}

func (p *process) answer(t *testing.T) string {
	line, err := p.answers.ReadString('\n')
	require.NoError(t, err, "a process ended without an answer")
	return strings.TrimSpace(line)
}

func (p *process) ask(t *testing.T, command string, args ...any) string {
	p.tell(t, command, args...)
	return p.answer(t)
}

// kill ends the process as SIGKILL does, and waits for it. The second time it
// does nothing.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

func (p *process) pid() int { return p.cmd.Process.Pid }
