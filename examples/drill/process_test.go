//go:build linux

package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/forker/reexec"
)

// These tests run real processes, with real signals and real files. What the
// loop alone decides is shown by the scenarios in core. Most of these tests run
// the test binary itself as drill, so that the race detector watches the
// daemon, too; those in which milliseconds count run the program as it is built
// for its users.

const (
	// patience is how long a test waits for what must come.
	patience = time.Minute

	// asDrill in the environment makes the test binary run drill. The programs
	// that it executes later, its trials and what it detaches inherit it.
	asDrill = "DRILL_TEST_AS_DRILL"

	// asStandby beside it makes that drill stand by while the lock is held.
	asStandby = "DRILL_TEST_AS_STANDBY"

	// siteVariable in the environment names the site that a process belongs
	// to, so that it is found wherever it has gone.
	siteVariable = "DRILL_TEST_SITE"
)

// programs are what the sites link to: the test binary under drill's name, and
// drill itself.
var programs struct {
	dir   string
	built func() error
}

func TestMain(m *testing.M) {
	if os.Getenv(asDrill) != "" {
		if os.Getenv(asStandby) != "" {
			New(core.Standby()).Main()
		}
		main()
		panic("main has returned")
	}
	// Most tests wait most of the time.
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "drill-test-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	if err := errors.Join(os.Chmod(dir, 0o755), copySelf(filepath.Join(dir, "watched"))); err != nil {
		panic(err)
	}
	programs.dir = dir
	programs.built = sync.OnceValue(func() error {
		cmd := exec.Command("go", "build", "-o", filepath.Join(dir, "plain"), ".")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("go build: %w\n%s", err, out)
		}
		return nil
	})
	return m.Run()
}

// copySelf makes a copy that other users can execute, too.
func copySelf(to string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	text, err := os.ReadFile(self)
	if err != nil {
		return err
	}
	return os.WriteFile(to, text, 0o755)
}

// site is a test's own folder with a program drill in it, and all processes
// that were started there.
type site struct {
	testing.TB
	dir string
	bin string
	env []string

	inside string // the folder of mounted
}

// newSite is a site whose drill is the test binary.
func newSite(t testing.TB) *site { return siteOf(t, "watched") }

// plainSite is a site whose drill is built as its users build it.
func plainSite(t testing.TB) *site {
	t.Helper()
	require.NoError(t, programs.built())
	return siteOf(t, "plain")
}

func siteOf(t testing.TB, program string) *site {
	t.Helper()
	dir, err := os.MkdirTemp(programs.dir, "site-")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o755))
	s := &site{TB: t, dir: dir, bin: filepath.Join(dir, "drill")}
	s.link(program)
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		if !slices.Contains([]string{"NOTIFY_SOCKET", "SYSTEMD_EXEC_PID", "XDG_RUNTIME_DIR", "GORACE"}, name) {
			s.env = append(s.env, v)
		}
	}
	s.env = append(s.env, asDrill+"=1", siteVariable+"="+dir, "XDG_RUNTIME_DIR="+dir,
		"GORACE=atexit_sleep_ms=0 log_path="+s.path("race"))
	t.Cleanup(s.close)
	return s
}

// close ends every process of the site, and tells of data races in them.
func (s *site) close() {
	s.eventually("the end of all processes of this test", func() bool {
		pids := s.all()
		for _, pid := range pids {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		return len(pids) == 0
	})
	if races, _ := filepath.Glob(s.path("race.*")); len(races) > 0 {
		s.Errorf("data race in a daemon:\n%s", s.read(races[0]))
	}
	if s.Failed() {
		s.Logf("the log:\n%s", s.tail("log"))
	}
	_ = os.RemoveAll(s.dir)
}

// link puts a program in drill's place, in one step, as an upgrade does.
func (s *site) link(program string) {
	s.Helper()
	require.NoError(s, os.Link(filepath.Join(programs.dir, program), s.path("drill.new")))
	require.NoError(s, os.Rename(s.path("drill.new"), s.path("drill")))
}

// script puts a shell script in drill's place.
func (s *site) script(text string) {
	s.Helper()
	s.write("drill.new", "#!/bin/sh\n"+text+"\n", 0o755)
	require.NoError(s, os.Rename(s.path("drill.new"), s.path("drill")))
}

// path is a path in the site's folder.
func (s *site) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(s.dir, name)
}

func (s *site) read(name string) string {
	text, err := os.ReadFile(s.path(name))
	if err != nil && !os.IsNotExist(err) {
		s.Errorf("read: %v", err)
	}
	return string(text)
}

// tail is the end of a file, for messages.
func (s *site) tail(name string) string {
	text := s.read(name)
	return text[max(0, len(text)-4000):]
}

func (s *site) write(name, text string, mode os.FileMode) {
	s.Helper()
	// A child that is being forked elsewhere in this process would hold the
	// file open for writing, and so keep it from being executed.
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	require.NoError(s, os.WriteFile(s.path(name), []byte(text), mode))
	require.NoError(s, os.Chmod(s.path(name), mode))
}

// files are the names in the site's folder but for the program itself.
func (s *site) files() []string {
	entries, err := os.ReadDir(s.dir)
	require.NoError(s, err)
	var names []string
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), "drill") && !strings.HasPrefix(e.Name(), "race.") {
			names = append(names, e.Name())
		}
	}
	return names
}

// args are arguments under which a daemon leaves everything in the site; more
// go before them.
func (s *site) args(more ...string) []string {
	args := slices.Clone(more)
	for _, flag := range [][2]string{
		{"--every", "100ms"},
		{"--lock", s.path("lock")},
		{"--log", s.path("log")},
		{"--witness", s.path("witness")},
		{"-p", s.path("pid")},
	} {
		set := func(arg string) bool { return arg == flag[0] || strings.HasPrefix(arg, flag[0]+"=") }
		if !slices.ContainsFunc(more, set) {
			args = append(args, flag[:]...)
		}
	}
	return args
}

// command is drill with these arguments, typed in the site's folder.
func (s *site) command(args ...string) *exec.Cmd {
	cmd := exec.Command(s.bin, args...)
	cmd.Dir, cmd.Env = s.dir, s.env
	return cmd
}

// outcome is how a command has ended.
type outcome struct {
	code     int // 128 and the signal's number, where one killed it
	out, err string
}

// run runs a command to its end.
func (s *site) run(args ...string) outcome {
	s.Helper()
	return s.finish(s.command(args...))
}

func (s *site) finish(cmd *exec.Cmd) outcome {
	s.Helper()
	var out, err bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &err
	require.NoError(s, cmd.Start())
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(patience + 10*time.Second):
		_ = cmd.Process.Kill()
		require.FailNow(s, "no end", "%v", cmd.Args)
	}
	return outcome{exitCode(cmd.ProcessState), out.String(), err.String()}
}

func exitCode(state *os.ProcessState) int {
	if status := state.Sys().(syscall.WaitStatus); status.Signaled() {
		return 128 + int(status.Signal())
	}
	return state.ExitCode()
}

// detach starts a daemon with -d and returns its PID.
func (s *site) detach(args ...string) int {
	s.Helper()
	got := s.run(append([]string{"-d"}, args...)...)
	require.Zero(s, got.code, "%s", got.err)
	require.Empty(s, got.err)
	m := regexp.MustCompile(`^drill: running as PID (\d+)\n$`).FindStringSubmatch(got.out)
	require.NotNil(s, m, "%q", got.out)
	return atoi(s, m[1])
}

// process is a drill in the foreground.
type process struct {
	*site
	pid   int
	cmd   *exec.Cmd
	out   string // the files that its streams go to
	err   string
	ended chan struct{}
}

// start starts a drill in the foreground.
func (s *site) start(args ...string) *process {
	s.Helper()
	return s.launch(s.command(args...))
}

func (s *site) launch(cmd *exec.Cmd) *process {
	s.Helper()
	dir := s.TempDir()
	p := &process{site: s, cmd: cmd, out: filepath.Join(dir, "out"), err: filepath.Join(dir, "err"), ended: make(chan struct{})}
	out, err := os.Create(p.out)
	require.NoError(s, err)
	defer out.Close()
	errs, err := os.Create(p.err)
	require.NoError(s, err)
	defer errs.Close()
	cmd.Stdout, cmd.Stderr = out, errs
	require.NoError(s, cmd.Start())
	p.pid = cmd.Process.Pid
	go func() { _ = cmd.Wait(); close(p.ended) }()
	return p
}

// exit waits for the end and returns the status, as in outcome.
func (p *process) exit() int {
	p.Helper()
	select {
	case <-p.ended:
	case <-time.After(patience):
		require.FailNow(p, "no end", "%v\n%s", p.cmd.Args, p.tail("log"))
	}
	return exitCode(p.cmd.ProcessState)
}

func (p *process) over() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

func (s *site) signal(pid int, sig syscall.Signal) {
	s.Helper()
	require.NoError(s, syscall.Kill(pid, sig))
}

// eventually waits until yes.
func (s *site) eventually(what string, yes func() bool) {
	s.Helper()
	for end := time.Now().Add(patience); !yes(); pause5() {
		if time.Now().After(end) {
			require.FailNow(s, "timed out waiting for "+what, "%s", s.tail("log"))
		}
	}
}

// pause5 is the pause between two looks.
func pause5() { time.Sleep(5 * time.Millisecond) }

// logged waits until the log holds text, n times.
func (s *site) logged(text string, n int) {
	s.Helper()
	s.eventually(fmt.Sprintf("%d × %q in the log", n, text), func() bool {
		return strings.Count(s.read("log"), text) >= n
	})
}

// beats waits until n beats have begun that were not there before.
func (s *site) beats(n int) {
	s.Helper()
	before := len(s.starts())
	s.eventually(fmt.Sprintf("%d more beats", n), func() bool { return len(s.starts()) >= before+n })
}

// sleeps waits until the daemon of the PID file sleeps. The witness's word that
// an execute has ended comes before that.
func (s *site) sleeps() {
	s.Helper()
	s.eventually("the sleep", func() bool {
		out := s.run("-s", "dump", "-p", s.path("pid")).out
		return strings.Contains(out, "State:             sleeping\n") && !strings.Contains(out, "Iterations:        0\n")
	})
}

// gone waits for the end of a process that is not a child of this one.
func (s *site) gone(pid int) {
	s.Helper()
	s.eventually(fmt.Sprintf("the end of PID %d", pid), func() bool { return !alive(pid) })
}

// living are the processes that were started in this site, however far they
// have gone from it, without watchers, and without what is no program yet.
func (s *site) living() []int {
	return slices.DeleteFunc(s.all(), func(pid int) bool { return isWatcher(pid) || hasNotExecuted(pid) })
}

// isWatcher tells whether a process watches a daemon.
func isWatcher(pid int) bool {
	line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return bytes.HasPrefix(line, []byte("drill: watcher of PID "))
}

// hasNotExecuted tells whether a process was forked, and has not executed a program
// since: PF_FORKNOEXEC of the kernel.
func hasNotExecuted(pid int) bool {
	stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 7 {
		return false // it has ended
	}
	flags, _ := strconv.Atoi(string(fields[6]))
	return flags&0x40 != 0
}

// all are the processes of this site.
func (s *site) all() (pids []int) {
	entries, err := os.ReadDir("/proc")
	require.NoError(s, err)
	mark := []byte(siteVariable + "=" + s.dir + "\x00")
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		if bytes.Contains(environment(pid), mark) && alive(pid) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// alive tells whether a process is there and no zombie.
func alive(pid int) bool {
	_, err := reexec.StartOf(pid)
	return !errors.Is(err, os.ErrProcessDone)
}

// restarted tells whether a process has executed its program again: its
// environment is that of the last exec.
func restarted(pid int) bool {
	return bytes.Contains(environment(pid), []byte(`"kind":"restarted"`))
}

// environment returns the environment of a process's last exec. It is empty for
// an instant during an exec, and always for a kernel thread and a zombie.
func environment(pid int) (env []byte) {
	for range 200 {
		var err error
		env, err = os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
		if len(env) > 0 || os.IsPermission(err) || kernelThread(pid) || !alive(pid) {
			break
		}
		time.Sleep(time.Millisecond)
	}
	return env
}

// kernelThread tells whether a process is a child of kthreadd, or that itself.
func kernelThread(pid int) bool {
	stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	return len(fields) < 2 || pid == 2 || string(fields[1]) == "2"
}

// sleeper is a process that is no daemon of ours. It dies of any signal.
func (s *site) sleeper() int {
	s.Helper()
	cmd := exec.Command("sleep", "600")
	require.NoError(s, cmd.Start())
	s.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd.Process.Pid
}

// needsRoot skips what only root can prepare; CI is root.
func needsRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away and become somebody else")
	}
}

func (s *site) pidFile() int {
	s.Helper()
	return atoi(s, strings.TrimSuffix(s.read("pid"), "\n"))
}

func atoi(t testing.TB, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	require.NoError(t, err)
	return n
}
