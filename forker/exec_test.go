package forker_test

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
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/forker"
)

func init() {
	roles["chain"] = chain
	roles["relay"] = relay
	roles["stranded"] = stranded
	roles["forgetful"] = forgetful
}

var daemonSignals = []os.Signal{syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGTERM, syscall.SIGINT}

// chain restarts in place args[0] times as fast as it can, then waits. SIGTERM
// ends it with status 0 at any time.
func chain(args []string) {
	m := forker.System()
	last, err := strconv.Atoi(args[0])
	must(err)
	generation, _ := strconv.Atoi(string(m.Birth().State))
	stop := make(chan os.Signal, 100)
	m.Listen(daemonSignals, func(sig os.Signal) {
		if sig == syscall.SIGTERM {
			stop <- sig
		}
	})
	fmt.Println(m.PID(), generation)
	if generation == last {
		<-stop
		os.Exit(0)
	}
	m.Quiesce(syscall.SIGHUP, syscall.SIGUSR1)
	if len(stop) > 0 {
		os.Exit(0)
	}
	img := image("chain", args...)
	img.State = []byte(strconv.Itoa(generation + 1))
	must(m.Exec(img))
}

// startChain starts a chain and returns it with the lines that it prints.
func startChain(t *testing.T, length int) (*exec.Cmd, *bufio.Scanner) {
	cmd := command("chain", strconv.Itoa(length))
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
// length times.
func storm(t *testing.T, length int) {
	t.Helper()
	cmd, lines := startChain(t, length)
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
	require.Greater(t, sent, 20*length)
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
		cmd, lines := startChain(t, 15)
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
		case <-within(t).Done():
			require.FailNow(t, "a SIGTERM was lost")
		}
	}
}

// relay passes an open file, a claim and a long state through one Exec.
func relay(args []string) {
	m := forker.System()
	out, pid := args[0], args[1]
	if m.Birth().Kind == forker.Fresh {
		file, err := os.Open(args[2])
		must(err)
		claim, err := m.ClaimPID(pid)
		must(err)
		baton, claimFile, err := claim.Baton()
		must(err)
		img := image("relay", append(args, baton, strconv.Itoa(int(file.Fd())))...)
		img.State = []byte(strings.Repeat("luggage", 10_000))
		img.Files = []*os.File{file, claimFile}
		img.Dir = filepath.Dir(out)
		must(os.Chdir("/"))
		m.Quiesce(syscall.SIGHUP)
		must(m.Exec(img))
	}
	fd, err := strconv.Atoi(args[4])
	must(err)
	text, err := io.ReadAll(os.NewFile(uintptr(fd), "passed"))
	must(err)
	claim, err := m.AdoptPID(pid, args[3])
	must(err)
	dir, _ := os.Getwd()
	inherited, err := command("environment").Output()
	must(err)
	save(out, relayed{
		m.PID(), m.Executable(), m.Birth(), string(text), dir,
		strings.Join(os.Environ(), "\n"), string(inherited),
	})
	_, _ = io.ReadAll(os.Stdin)
	must(claim.Remove())
}

type relayed struct {
	PID                    int
	Executable             string
	Birth                  forker.Birth
	Text, Dir              string
	Environment, Inherited string
}

func TestExecPassesEverythingOn(t *testing.T) {
	dir := t.TempDir()
	file, out, pid := filepath.Join(dir, "file"), filepath.Join(dir, "out"), filepath.Join(dir, "d.pid")
	require.NoError(t, os.WriteFile(file, []byte("what was open"), 0o600))
	cmd := command("relay", out, pid, file)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })

	got := load[relayed](t, out)
	require.Equal(t, cmd.Process.Pid, got.PID, "the same process")
	require.Equal(t, forker.System().Executable(), got.Executable)
	require.Equal(t, forker.Restarted, got.Birth.Kind)
	require.Equal(t, dir, got.Birth.Dir)
	require.Equal(t, strings.Repeat("luggage", 10_000), string(got.Birth.State))
	require.Equal(t, "what was open", got.Text)
	require.Equal(t, dir, got.Dir)
	require.NotContains(t, got.Environment, "EVERTICK_")
	require.NotContains(t, got.Inherited, "EVERTICK_")

	p, err := forker.System().Find(pid)
	require.NoError(t, err, "the claim has passed over")
	require.Equal(t, cmd.Process.Pid, p.PID())
	require.NoError(t, in.Close())
	require.NoError(t, cmd.Wait())
	require.NoFileExists(t, pid)
}

// stranded fails to exec, and checks that everything is as it was.
func stranded(args []string) {
	m := forker.System()
	must(os.Chdir(args[0]))
	file, err := os.Open("/dev/null")
	must(err)
	heard := make(chan os.Signal, 10)
	m.Listen(daemonSignals, func(sig os.Signal) { heard <- sig })
	m.Quiesce(syscall.SIGHUP, syscall.SIGUSR1)
	fmt.Println(m.Exec(forker.Image{Path: "/no/such/program", Dir: "/usr", Files: []*os.File{file}}))
	dir, _ := os.Getwd()
	listed, err := exec.Command("ls", "/proc/self/fd").Output()
	must(err)
	open := strings.Contains(string(listed)+"\n", fmt.Sprintf("\n%d\n", file.Fd()))
	m.Listen([]os.Signal{syscall.SIGUSR1, syscall.SIGTERM}, func(sig os.Signal) { heard <- sig })
	must(syscall.Kill(os.Getpid(), syscall.SIGUSR1))
	fmt.Println(dir, open, <-heard)
	must(syscall.Kill(os.Getpid(), syscall.SIGHUP)) // not listened to any more: the default
	block()
}

func TestAFailedExecLeavesEverythingAsItWas(t *testing.T) {
	dir := t.TempDir()
	cmd := command("stranded", dir)
	out, err := cmd.Output()
	require.EqualError(t, err, "exit status 129")
	require.Equal(t, "forker: exec /no/such/program: there is no such file: file does not exist\n"+
		dir+" false user defined signal 1\n", string(out))
}

// forgetful listens for SIGHUP in its first image only.
func forgetful(args []string) {
	m := forker.System()
	if m.Birth().Kind == forker.Fresh {
		m.Listen(daemonSignals, func(os.Signal) {})
		m.Quiesce(syscall.SIGHUP, syscall.SIGINT)
		must(m.Exec(image("forgetful", args...)))
	}
	m.Listen([]os.Signal{syscall.SIGTERM}, func(os.Signal) {})
	fmt.Println("ready")
	if args[0] == "child" { // which must not inherit what we ignored
		must(exec.Command("sh", "-c", "kill -HUP $$; exit 7").Run())
	}
	block()
}

func TestWhatARestartIgnoredIsNotIgnoredForEver(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGHUP, syscall.SIGINT} {
		cmd := command("forgetful", "")
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		t.Cleanup(func() { _ = cmd.Process.Kill() })
		require.True(t, bufio.NewScanner(out).Scan())
		require.NoError(t, cmd.Process.Signal(sig))
		require.EqualError(t, cmd.Wait(), fmt.Sprintf("exit status %d", 128+int(sig)))
	}
	cmd := command("forgetful", "child")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	require.EqualError(t, cmd.Run(), "exit status 90")
	require.Contains(t, stderr.String(), "signal: hangup")
}

func TestABirthMeantForAnotherProcessIsNone(t *testing.T) {
	for _, birth := range []string{
		"", "garbage", `{"kind":"restarted","pid":1,"dir":"/x","state":"eA=="}`,
		`{"kind":"detached","report":3,"pipe":12,"dir":"/x"}`, `{"kind":"trial","report":0,"dir":"/x"}`,
		`{"kind":"fresh","dir":"/x"}`,
	} {
		cmd := command("birth")
		cmd.Env = append(os.Environ(), "EVERTICK_BIRTH="+birth)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		dir, _ := os.Getwd()
		require.Equal(t, fmt.Sprintf("fresh %s  false\n", dir), string(out), birth)
	}
}

func init() {
	roles["birth"] = func([]string) {
		b := forker.System().Birth()
		_, left := os.LookupEnv("EVERTICK_BIRTH")
		fmt.Println(b.Kind, b.Dir, string(b.State), left)
	}
}
