package reexec_test

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/forker/internal/roletest"
	"github.com/evertick/evertick/forker/pidfile"
	"github.com/evertick/evertick/forker/reexec"
	"github.com/evertick/evertick/forker/signals"
)

var daemonSignals = []os.Signal{syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGTERM, syscall.SIGINT}

// chain restarts in place args[0] times as fast as it can, then waits. Before
// each restart it waits for args[1] other signals than SIGTERM. SIGTERM ends it
// with status 0 at any time.
func chain(args []string) {
	system, listener := reexec.System(nil), signals.System()
	last, err := strconv.Atoi(args[0])
	roletest.Must(err)
	hits, err := strconv.Atoi(args[1])
	roletest.Must(err)
	generation, _ := strconv.Atoi(string(system.Info().Origin.State))
	stop, stormy := make(chan os.Signal, 100), make(chan struct{})
	var count atomic.Int64
	listener.Listen(daemonSignals, func(sig os.Signal) {
		switch {
		case sig == syscall.SIGTERM:
			stop <- sig
		case count.Add(1) == int64(hits):
			close(stormy)
		}
	})
	fmt.Println(os.Getpid(), generation)
	if generation == last {
		<-stop
		os.Exit(0)
	}
	if hits > 0 {
		<-stormy
	}
	listener.Quiesce(syscall.SIGHUP, syscall.SIGUSR1)
	if len(stop) > 0 {
		os.Exit(0)
	}
	p := program("chain", args...)
	p.State = []byte(strconv.Itoa(generation + 1))
	roletest.Must(system.Exec(p))
}

// startChain starts a chain and returns it with the lines that it prints.
func startChain(t *testing.T, length, hits int) (*exec.Cmd, *bufio.Scanner) {
	cmd := roletest.Command("chain", strconv.Itoa(length), strconv.Itoa(hits))
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	cmd.Stderr = os.Stderr
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	lines := bufio.NewScanner(out)
	require.True(t, lines.Scan())
	require.Equal(t, fmt.Sprint(cmd.Process.Pid, 0), lines.Text())
	return cmd, lines
}

// storm sends signals to a chain, as fast as it can, until it has restarted
// length times, each time in the midst of them.
func storm(t *testing.T, length int) {
	t.Helper()
	cmd, lines := startChain(t, length, 20)
	calm := make(chan struct{})
	total := make(chan int)
	go func() {
		sent := 0
		for {
			select {
			case <-calm:
				total <- sent
				return
			default:
				_ = cmd.Process.Signal(syscall.SIGHUP)
				_ = cmd.Process.Signal(syscall.SIGUSR1)
				sent += 2
			}
		}
	}()
	generation := 0
	for generation < length && lines.Scan() {
		generation++
		require.Equal(t, fmt.Sprint(cmd.Process.Pid, generation), lines.Text())
	}
	close(calm)
	sent := <-total
	if generation < length {
		require.FailNow(t, "killed", "by %d signals, after %d restarts: %v", sent, generation, cmd.Wait())
	}
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(t, cmd.Wait())
}

func TestAStormOfSignalsKillsNoRestart(t *testing.T) {
	storm(t, 20)
}

func TestAStormOfSignalsDoesNotKillTheFirstRestart(t *testing.T) {
	for range 30 {
		storm(t, 1)
	}
}

func TestATermAtAnyMomentEndsAChainOfRestarts(t *testing.T) {
	for range 25 {
		cmd, lines := startChain(t, 15, 0)
		go func() { // keep its standard output flowing
			for lines.Scan() {
			}
		}()
		time.Sleep(rand.N(300 * time.Millisecond))
		require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		select {
		case err := <-ended:
			if err != nil { // in the millisecond without a listener
				require.EqualError(t, err, "signal: terminated")
			}
		case <-roletest.Within(t).Done():
			require.FailNow(t, "a SIGTERM was lost")
		}
	}
}

// relay passes an open file, a PID file and a long state through one Exec.
func relay(args []string) {
	system, files := reexec.System(nil), pidfile.Disk(nil)
	out, path := args[0], args[1]
	if system.Info().Origin.Kind == reexec.Fresh {
		file, err := os.Open(args[2])
		roletest.Must(err)
		locked, err := files.Lock(path)
		roletest.Must(err)
		handoff, lockedFile, err := locked.Handoff()
		roletest.Must(err)
		p := program("relay", append(args, handoff, strconv.Itoa(int(file.Fd())))...)
		p.State = []byte(strings.Repeat("state", 10_000))
		p.Files = []*os.File{file, lockedFile}
		p.Dir = filepath.Dir(out)
		roletest.Must(os.Chdir("/"))
		signals.System().Quiesce(syscall.SIGHUP)
		roletest.Must(system.Exec(p))
	}
	fd, err := strconv.Atoi(args[4])
	roletest.Must(err)
	text, err := io.ReadAll(os.NewFile(uintptr(fd), "passed"))
	roletest.Must(err)
	locked, err := files.Inherit(path, args[3])
	roletest.Must(err)
	dir, _ := os.Getwd()
	inherited, err := roletest.Command("environment").Output()
	roletest.Must(err)
	roletest.Save(out, relayed{
		system.Info(), string(text), dir, strings.Join(os.Environ(), "\n"), string(inherited),
	})
	_, _ = io.ReadAll(os.Stdin)
	roletest.Must(locked.Remove())
}

type relayed struct {
	Info                   reexec.Info
	Text, Dir              string
	Environment, Inherited string
}

func TestExecPassesEverythingOn(t *testing.T) {
	dir := t.TempDir()
	file, out, pid := filepath.Join(dir, "file"), filepath.Join(dir, "out"), filepath.Join(dir, "d.pid")
	require.NoError(t, os.WriteFile(file, []byte("what was open"), 0o600))
	cmd := roletest.Command("relay", out, pid, file)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })

	got := roletest.Load[relayed](t, out)
	require.Equal(t, reexec.Info{
		PID: cmd.Process.Pid, Executable: reexec.System(nil).Info().Executable,
		Origin: reexec.Origin{Kind: reexec.Restarted, Dir: dir, State: []byte(strings.Repeat("state", 10_000))},
	}, got.Info)
	require.Equal(t, "what was open", got.Text)
	require.Equal(t, dir, got.Dir)
	require.NotContains(t, got.Environment, "EVERTICK_")
	require.NotContains(t, got.Inherited, "EVERTICK_")

	p, err := pidfile.Disk(nil).Find(pid)
	require.NoError(t, err, "the lock has been passed on")
	require.Equal(t, cmd.Process.Pid, p.PID())
	require.NoError(t, in.Close())
	require.NoError(t, cmd.Wait())
	require.NoFileExists(t, pid)
}

// stranded fails to exec, and checks that everything is as it was.
func stranded(args []string) {
	roletest.Must(os.Chdir(args[0]))
	file, err := os.Open("/dev/null")
	roletest.Must(err)
	listener, received := signals.System(), make(chan os.Signal, 10)
	deliver := func(sig os.Signal) { received <- sig }
	listener.Listen(daemonSignals, deliver)
	listener.Quiesce(syscall.SIGHUP, syscall.SIGUSR1)
	fmt.Println(reexec.System(nil).Exec(reexec.Program{Path: "/no/such/program", Dir: "/usr", Files: []*os.File{file}}))
	dir, _ := os.Getwd()
	listed, err := exec.Command("ls", "/proc/self/fd").Output()
	roletest.Must(err)
	open := strings.Contains(string(listed)+"\n", fmt.Sprintf("\n%d\n", file.Fd()))
	listener.Listen([]os.Signal{syscall.SIGUSR1, syscall.SIGTERM}, deliver)
	for _, sig := range []syscall.Signal{syscall.SIGUSR1, syscall.SIGTERM} {
		roletest.Must(syscall.Kill(os.Getpid(), sig))
		fmt.Println(<-received)
	}
	fmt.Println(dir, open)
	roletest.Must(syscall.Kill(os.Getpid(), syscall.SIGHUP)) // not listened to any more: the default
	roletest.Block()
}

func TestAFailedExecLeavesEverythingAsItWas(t *testing.T) {
	dir := t.TempDir()
	cmd := roletest.Command("stranded", dir)
	out, err := cmd.Output()
	require.EqualError(t, err, "exit status 129")
	require.Equal(t, "exec /no/such/program: there is no such file: file does not exist\n"+
		"user defined signal 1\nterminated\n"+dir+" false\n", string(out))
}

// forgetful listens for SIGHUP in its first program only.
func forgetful(args []string) {
	system, listener := reexec.System(nil), signals.System()
	if system.Info().Origin.Kind == reexec.Fresh {
		listener.Listen(daemonSignals, func(os.Signal) {})
		listener.Quiesce(syscall.SIGHUP, syscall.SIGINT)
		roletest.Must(system.Exec(program("forgetful", args...)))
	}
	listener.Listen([]os.Signal{syscall.SIGTERM}, func(os.Signal) {})
	fmt.Println("ready")
	if args[0] == "child" { // which must not inherit what we ignored
		roletest.Must(exec.Command("sh", "-c", "kill -HUP $$; exit 7").Run())
	}
	roletest.Block()
}

func TestWhatARestartIgnoredIsNotIgnoredForEver(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGHUP, syscall.SIGINT} {
		cmd := roletest.Command("forgetful", "")
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		t.Cleanup(func() { _ = cmd.Process.Kill() })
		require.True(t, bufio.NewScanner(out).Scan())
		require.NoError(t, cmd.Process.Signal(sig))
		require.EqualError(t, cmd.Wait(), fmt.Sprintf("exit status %d", 128+int(sig)))
	}
	cmd := roletest.Command("forgetful", "child")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	require.EqualError(t, cmd.Run(), "exit status 90")
	require.Contains(t, stderr.String(), "signal: hangup")
}

func TestStartInfoForAnotherProcessHasNoEffect(t *testing.T) {
	for _, info := range []string{
		"", "garbage", `{"kind":"restarted","pid":1,"dir":"/x","state":"eA=="}`,
		`{"kind":"detached","report":3,"pipe":12,"dir":"/x"}`, `{"kind":"trial","report":0,"dir":"/x"}`,
		`{"kind":"fresh","dir":"/x"}`,
	} {
		cmd := roletest.Command("origin")
		cmd.Env = append(os.Environ(), "EVERTICK_START="+info)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		dir, _ := os.Getwd()
		require.Equal(t, fmt.Sprintf("fresh %s  false\n", dir), string(out), info)
	}
}

func origin([]string) {
	o := reexec.System(nil).Info().Origin
	_, left := os.LookupEnv("EVERTICK_START")
	fmt.Println(o.Kind, o.Dir, string(o.State), left)
}
