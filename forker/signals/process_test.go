package signals_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/forker/internal/roletest"
	"github.com/evertick/evertick/forker/signals"
	"github.com/evertick/evertick/forker/signals/signalstest"
)

func TestMain(m *testing.M) {
	roletest.Main(m, map[string]roletest.Role{"obey": obey, "storm": inAStorm})
}

// inAStorm listens and quiesces again and again while signals arrive.
func inAStorm([]string) {
	var o signals.OS
	o.Listen([]os.Signal{syscall.SIGUSR1, syscall.SIGUSR2}, func(os.Signal) {})
	var calm atomic.Bool
	var senders sync.WaitGroup
	for _, sig := range []syscall.Signal{syscall.SIGUSR1, syscall.SIGUSR2} {
		senders.Go(func() {
			for !calm.Load() {
				roletest.Must(syscall.Kill(os.Getpid(), sig))
			}
		})
	}
	for range 200 {
		o.Quiesce(syscall.SIGUSR1, syscall.SIGUSR2)
		o.Listen([]os.Signal{syscall.SIGUSR1, syscall.SIGUSR2}, func(os.Signal) {})
	}
	calm.Store(true)
	senders.Wait()
}

// obey does what it reads from standard input, and replies on standard output,
// each line with the number that came with the command. Its arguments are the
// signals that its former program has ignored, where it was restarted.
func obey(args []string) {
	if len(args) > 0 {
		var ignored []syscall.Signal
		for _, sig := range numbers(args[1:]) {
			ignored = append(ignored, sig.(syscall.Signal))
		}
		signals.System().SubscribeEarly(ignored, nil)
		fmt.Println(args[0])
	}
	var mu sync.Mutex
	var got []string
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		words := strings.Fields(lines.Text())
		reply, sigs := words[0], numbers(words[2:])
		switch words[1] {
		case "listen":
			signals.System().Listen(sigs, func(sig os.Signal) {
				mu.Lock()
				defer mu.Unlock()
				got = append(got, number(sig))
			})
		case "quiesce":
			signals.System().Quiesce(sigs...)
		case "received":
			mu.Lock()
			reply += " " + strings.Join(got, " ")
			mu.Unlock()
		case "exec":
			// It ends the replies, and so tells that it has come about.
			syscall.CloseOnExec(1)
			roletest.Must(syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{}))
			path, err := exec.LookPath("sleep") // it has no handlers
			roletest.Must(err)
			roletest.Must(syscall.Exec(path, []string{"sleep", "60"}, os.Environ()))
		case "restart":
			args := roletest.Args("obey", reply)
			for _, sig := range signals.System().Ignored() {
				args = append(args, number(sig))
			}
			path, err := os.Executable()
			roletest.Must(err)
			roletest.Must(syscall.Exec(path, append([]string{path}, args...), os.Environ()))
		}
		fmt.Println(reply)
	}
}

func number(sig os.Signal) string { return strconv.Itoa(int(sig.(syscall.Signal))) }

func numbers(words []string) (sigs []os.Signal) {
	for _, word := range words {
		n, err := strconv.Atoi(word)
		roletest.Must(err)
		sigs = append(sigs, syscall.Signal(n))
	}
	return sigs
}

// child is the test binary that obeys.
type child struct {
	t       *testing.T
	pid     int
	stdin   *os.File
	replies chan string // closed when it replies no more
	stderr  string
	asked   int
	seen    int // of what the present program has received

	mu    sync.Mutex
	state string
}

var _ signalstest.Process = (*child)(nil)

func start(t *testing.T, leadsSession bool) signalstest.Process {
	c := &child{t: t, replies: make(chan string, 100), state: "running", stderr: filepath.Join(t.TempDir(), "stderr")}
	cmd := roletest.Command("obey")
	cmd.Env = append(os.Environ(), "GOTRACEBACK=single")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: leadsSession, Setpgid: !leadsSession}
	stderr, err := os.Create(c.stderr)
	require.NoError(t, err)
	defer stderr.Close()
	in, stdin, err := os.Pipe()
	require.NoError(t, err)
	defer in.Close()
	stdout, out, err := os.Pipe()
	require.NoError(t, err)
	defer out.Close()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, out, stderr
	// The child must not inherit what other tests, or nohup, have left ignored.
	heard := make(chan os.Signal, 1)
	signal.Notify(heard, syscall.SIGHUP, syscall.SIGINT, syscall.SIGUSR1)
	err = cmd.Start()
	signal.Stop(heard)
	require.NoError(t, err)
	c.stdin, c.pid = stdin, cmd.Process.Pid
	go c.watch()
	go func() {
		defer close(c.replies)
		defer stdout.Close()
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			c.replies <- lines.Text()
		}
	}()
	t.Cleanup(func() {
		_ = c.Signal(syscall.SIGKILL)
		roletest.Eventually(t, "the end of a child", c.over)
		stdin.Close()
	})
	c.ask("ready")
	return c
}

// watch follows what becomes of the child, until it has ended.
func (c *child) watch() {
	for !c.over() {
		var status syscall.WaitStatus
		if _, err := syscall.Wait4(c.pid, &status, syscall.WUNTRACED|syscall.WCONTINUED, nil); err == syscall.EINTR {
			continue
		} else if err != nil {
			c.become("lost: " + err.Error())
			return
		}
		switch {
		case status.Exited():
			c.become(fmt.Sprint("exit status ", status.ExitStatus()))
		case status.Signaled():
			c.become("killed by " + signals.Name(status.Signal()))
		case status.Stopped():
			c.become("stopped")
		case status.Continued():
			c.become("running")
		}
	}
}

func (c *child) become(state string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.state = state
}

func (c *child) State() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

func (c *child) over() bool {
	state := c.State()
	return state != "running" && state != "stopped"
}

// ask waits for the reply to a command; ok is false where none comes because the
// child has ended, stopped, or executed a program that does not reply.
func (c *child) ask(command string, sigs ...os.Signal) (reply []string, ok bool) {
	c.asked++
	mine := strconv.Itoa(c.asked)
	line := mine + " " + command
	for _, sig := range sigs {
		line += " " + number(sig)
	}
	_, _ = fmt.Fprintln(c.stdin, line)
	deadline := time.After(roletest.Patience)
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for {
		select {
		case text, open := <-c.replies:
			if !open {
				return nil, false
			}
			if words := strings.Fields(text); words[0] == mine {
				return words[1:], true
			}
		case <-look.C:
			if c.State() != "running" {
				return nil, false
			}
		case <-deadline:
			require.FailNow(c.t, "no reply", line)
		}
	}
}

func (c *child) must(command string, sigs ...os.Signal) {
	c.t.Helper()
	_, ok := c.ask(command, sigs...)
	require.True(c.t, ok, "%s: the child is %s", command, c.State())
}

// Listen may end the child by a signal that has waited.
func (c *child) Listen(sigs ...os.Signal) { c.ask("listen", sigs...) }

func (c *child) Quiesce(ignore ...os.Signal) { c.must("quiesce", ignore...) }

func (c *child) Restart() {
	c.must("restart")
	c.seen = 0
}

func (c *child) Exec() {
	_, replied := c.ask("exec")
	require.False(c.t, replied)
	require.Equal(c.t, "running", c.State())
}

func (c *child) Received() []os.Signal {
	reply, ok := c.ask("received")
	if !ok {
		return nil
	}
	got := numbers(reply)[c.seen:]
	c.seen += len(got)
	return got
}

func (c *child) Stderr() string {
	text, err := os.ReadFile(c.stderr)
	require.NoError(c.t, err)
	return string(text)
}

// Signal waits until the signal is not pending any more, and then for a reply:
// no sooner is it certain that a handler runs.
func (c *child) Signal(sig os.Signal) error {
	if c.over() {
		return os.ErrProcessDone
	}
	if err := syscall.Kill(c.pid, sig.(syscall.Signal)); err != nil {
		return err
	}
	roletest.Eventually(c.t, "the arrival of "+sig.String(), func() bool { return c.State() != "running" || !c.pending(sig) })
	if c.State() == "running" {
		c.ask("ping")
	}
	return nil
}

// pending reports whether the kernel has not handed over a signal yet.
func (c *child) pending(sig os.Signal) bool {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.pid))
	_, rest, _ := strings.Cut(string(status), "\nShdPnd:\t")
	hex, _, _ := strings.Cut(rest, "\n")
	set, _ := strconv.ParseUint(hex, 16, 64)
	return set&(1<<(sig.(syscall.Signal)-1)) != 0
}
