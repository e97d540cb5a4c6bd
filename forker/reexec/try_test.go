package reexec_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/evertick/evertick/forker/internal/roletest"
	"github.com/evertick/evertick/forker/reexec"
)

func yes(args []string) {
	system := reexec.System(nil)
	if o := system.Info().Origin; o.Kind != reexec.Trial || string(o.State) != "state" {
		os.Exit(50)
	}
	roletest.Must(system.Report(reexec.Report{Running: true}))
	if len(args) > 0 {
		code, _ := strconv.Atoi(args[0])
		os.Exit(code)
	}
}

func crash([]string) {
	fmt.Fprintln(os.Stderr, "about to crash")
	_ = unix.Kill(os.Getpid(), syscall.SIGKILL)
	roletest.Block()
}

// desert leaves a child that holds its pipes, and reports nothing.
func desert([]string) {
	cmd := roletest.Command("block")
	cmd.Stderr, cmd.ExtraFiles = os.Stderr, []*os.File{os.NewFile(3, "report")}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	roletest.Must(cmd.Start())
	fmt.Fprintln(os.Stderr, cmd.Process.Pid)
}

func trier(args []string) {
	_ = reexec.System(nil).Try(context.Background(), program("hang", args...))
}

// hang starts a child that holds all its pipes, writes both PIDs, and hangs.
func hang(args []string) {
	fmt.Fprintln(os.Stderr, "hanging")
	cmd := roletest.Command("block")
	cmd.Stderr, cmd.ExtraFiles = os.Stderr, []*os.File{os.NewFile(3, "report")}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: len(args) > 1}
	roletest.Must(cmd.Start())
	roletest.Save(args[0], []int{os.Getpid(), cmd.Process.Pid})
	roletest.Block()
}

func try(t *testing.T, p reexec.Program) error {
	p.State = []byte("state")
	began := time.Now()
	err := reexec.System(nil).Try(roletest.Within(t), p)
	require.Less(t, time.Since(began), roletest.Patience/2)
	requireNoChildren(t)
	return err
}

// requireNoChildren shows that nobody was left as a zombie or otherwise.
func requireNoChildren(t *testing.T) {
	t.Helper()
	_, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
	require.ErrorIs(t, err, syscall.ECHILD)
}

func TestTrySaysYes(t *testing.T) {
	require.NoError(t, try(t, program("yes")))
}

func TestTrySaysNoAndWhy(t *testing.T) {
	prefix := "try " + reexec.System(nil).Info().Executable + ": "
	dir := t.TempDir()
	script := func(name, text string, mode os.FileMode) reexec.Program {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), mode))
		return reexec.Program{Path: path, Dir: "/"}
	}
	for _, c := range []struct {
		p    reexec.Program
		want string
	}{
		{program("refuse", "no\ndatabase"), prefix + "it would not start: no\n\tdatabase"},
		{program("refuse"), prefix + "it would not start\n\tnoise on standard error"},
		{program("yes", "7"), prefix + "it said that it could start, but then it ended with status 7"},
		{program("mute"), prefix + "it ended with status 4 before it could say whether it would start\n\tlast\n\twords"},
		{program("crash"), prefix + "it was killed by SIGKILL before it could say whether it would start\n\tabout to crash"},
		{
			reexec.Program{Path: "/bin/true", Dir: "/"},
			"try /bin/true: it ended without a word: it is not an Evertick daemon, or an older one",
		},
		{
			reexec.Program{Path: "/bin", Dir: "/"},
			"try /bin: it is a folder: permission denied",
		},
		{
			reexec.Program{Path: dir + "/missing", Dir: "/"},
			"try " + dir + "/missing: there is no such file: file does not exist",
		},
		{
			script("plain", "#!/bin/sh\n", 0o644),
			"try " + dir + "/plain: the file is not executable (chmod +x?): permission denied",
		},
		{
			script("lost", "#!/no/such/interpreter\n", 0o755),
			"try " + dir + "/lost: its interpreter or loader is missing: no such file or directory",
		},
		{script("text", "not a program", 0o755), "try " + dir + "/text: exec format error"},
		{script("empty", "", 0o755), "try " + dir + "/empty: exec format error"},
	} {
		require.EqualError(t, try(t, c.p), c.want)
	}
	require.ErrorContains(t, try(t, program("panic")),
		"it ended with status 2 before it could say whether it would start\n\tpanic: boom")
}

func TestTryKillsWhatHangs(t *testing.T) {
	for name, args := range map[string][]string{"with its child": nil, "though a child left the group": {"escape"}} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "pids")
			p := program("hang", append([]string{file}, args...)...)
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			result := make(chan error, 1)
			go func() { result <- reexec.System(nil).Try(ctx, p) }()
			pids := roletest.Load[[]int](t, file)
			killLater(t, pids[1])
			cancel()
			select {
			case err := <-result:
				require.ErrorContains(t, err, "it hung: no end within ")
				require.ErrorContains(t, err, "so it was killed\n\thanging")
			case <-roletest.Within(t).Done():
				require.FailNow(t, "Try hangs, too")
			}
			requireNoChildren(t)
			require.True(t, roletest.Gone(pids[0]))
			requireKilled(t, args == nil, pids[1])
		})
	}
}

// requireKilled waits for the end of a process that a trial has left; one that
// has left the trial's group, too, is found on Linux.
func requireKilled(t *testing.T, inGroup bool, pid int) {
	t.Helper()
	if inGroup || runtime.GOOS == "linux" {
		roletest.Eventually(t, "the grandchild's end", func() bool { return roletest.Gone(pid) })
	}
}

func TestTryLeavesNoEscapedGrandchild(t *testing.T) {
	err := try(t, program("desert"))
	require.ErrorContains(t, err, "it ended without a word")
	lines := strings.Fields(err.Error())
	pid, numberErr := strconv.Atoi(lines[len(lines)-1])
	require.NoError(t, numberErr, err)
	killLater(t, pid)
	requireKilled(t, false, pid)
}

// A tried script leaves nothing behind, however deep and in how many sessions,
// when it ends and when it hangs.
func TestTryLeavesNothingOfAScript(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has subreapers")
	}
	for name, end := range map[string]string{"ends": "exit 3", "hangs": "sleep 600", "is killed": "kill -9 $$"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path, pids := filepath.Join(dir, "script"), filepath.Join(dir, "pids")
			text := "#!/bin/sh\n: > " + pids + "\n" +
				"for i in 1 2 3; do setsid sh -c 'setsid sleep 600 & echo $$ $! >> " + pids + "; exec sleep 600' & done\n" +
				"while [ \"$(wc -w < " + pids + ")\" -lt 6 ]; do sleep 0.01; done\n" + end + "\n"
			require.NoError(t, os.WriteFile(path, []byte(text), 0o755))
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			result := make(chan error, 1)
			go func() { result <- reexec.System(nil).Try(ctx, reexec.Program{Path: path, Dir: "/"}) }()
			var all []string
			roletest.Eventually(t, "six processes", func() bool {
				text, _ := os.ReadFile(pids)
				all = strings.Fields(string(text))
				return len(all) == 6
			})
			if end == "sleep 600" {
				cancel()
			}
			select {
			case err := <-result:
				require.Error(t, err)
			case <-roletest.Within(t).Done():
				require.FailNow(t, "Try hangs, too")
			}
			requireNoChildren(t)
			for _, text := range all {
				pid, err := strconv.Atoi(text)
				require.NoError(t, err)
				require.True(t, roletest.Gone(pid), "%s is alive after the trial", text)
			}
		})
	}
}

func TestATrialDiesWithItsParent(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pids")
	cmd := roletest.Command("trier", file)
	require.NoError(t, cmd.Start())
	pids := roletest.Load[[]int](t, file)
	killLater(t, pids[1])
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait()
	roletest.Eventually(t, "the trial's end", func() bool { return roletest.Gone(pids[0]) })
}
