package forker_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/evertick/evertick/forker"
)

func init() {
	roles["yes"] = func(args []string) {
		m := forker.System()
		if m.Birth().Kind != forker.Trial || string(m.Birth().State) != "luggage" {
			os.Exit(50)
		}
		must(m.Report(forker.Report{Running: true}))
		if len(args) > 0 {
			code, _ := strconv.Atoi(args[0])
			os.Exit(code)
		}
	}
	roles["crash"] = func([]string) {
		fmt.Fprintln(os.Stderr, "about to crash")
		_ = unix.Kill(os.Getpid(), syscall.SIGKILL)
		block()
	}
	roles["hang"] = hang
	roles["desert"] = func([]string) { // its child holds the pipes, and it says nothing
		cmd := command("block")
		cmd.Stderr, cmd.ExtraFiles = os.Stderr, []*os.File{os.NewFile(3, "report")}
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		must(cmd.Start())
		fmt.Fprintln(os.Stderr, cmd.Process.Pid)
	}
	roles["trier"] = func(args []string) {
		_ = forker.System().Try(context.Background(), image("hang", args...))
	}
}

// hang starts a child that holds all its pipes, writes both PIDs, and hangs.
func hang(args []string) {
	fmt.Fprintln(os.Stderr, "hanging")
	cmd := command("block")
	cmd.Stderr, cmd.ExtraFiles = os.Stderr, []*os.File{os.NewFile(3, "report")}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: len(args) > 1}
	must(cmd.Start())
	save(args[0], []int{os.Getpid(), cmd.Process.Pid})
	block()
}

func try(t *testing.T, img forker.Image) error {
	img.State = []byte("luggage")
	began := time.Now()
	err := forker.System().Try(within(t), img)
	require.Less(t, time.Since(began), patience/2)
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
	require.NoError(t, try(t, image("yes")))
}

func TestTrySaysNoAndWhy(t *testing.T) {
	prefix := "forker: try " + forker.System().Executable() + ": "
	dir := t.TempDir()
	script := func(name, text string, mode os.FileMode) forker.Image {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), mode))
		return forker.Image{Path: path, Dir: "/"}
	}
	for _, c := range []struct {
		img  forker.Image
		want string
	}{
		{image("refuse", "no\ndatabase"), prefix + "it would not start: no\n\tdatabase"},
		{image("refuse"), prefix + "it would not start\n\tnoise on standard error"},
		{image("yes", "7"), prefix + "it said that it could start, but then it ended with status 7"},
		{image("mute"), prefix + "it ended with status 4 before it could say whether it would start\n\tlast\n\twords"},
		{image("crash"), prefix + "it was killed by SIGKILL before it could say whether it would start\n\tabout to crash"},
		{
			forker.Image{Path: "/bin/true", Dir: "/"},
			"forker: try /bin/true: it ended without a word: it is not an Evertick daemon, or an older one",
		},
		{
			forker.Image{Path: "/bin", Dir: "/"},
			"forker: try /bin: the file is not executable (chmod +x?): permission denied",
		},
		{
			forker.Image{Path: dir + "/missing", Dir: "/"},
			"forker: try " + dir + "/missing: there is no such file: file does not exist",
		},
		{
			script("plain", "#!/bin/sh\n", 0o644),
			"forker: try " + dir + "/plain: the file is not executable (chmod +x?): permission denied",
		},
		{
			script("lost", "#!/no/such/interpreter\n", 0o755),
			"forker: try " + dir + "/lost: its interpreter or loader is missing: no such file or directory",
		},
		{script("text", "not a program", 0o755), "forker: try " + dir + "/text: exec format error"},
		{script("empty", "", 0o755), "forker: try " + dir + "/empty: exec format error"},
	} {
		require.EqualError(t, try(t, c.img), c.want)
	}
	require.ErrorContains(t, try(t, image("panic")),
		"it ended with status 2 before it could say whether it would start\n\tpanic: boom")
}

func TestTryKillsWhatHangs(t *testing.T) {
	for name, args := range map[string][]string{"with its child": nil, "though a child left the group": {"escape"}} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "pids")
			img := image("hang", append([]string{file}, args...)...)
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			result := make(chan error, 1)
			go func() { result <- forker.System().Try(ctx, img) }()
			pids := load[[]int](t, file)
			killLater(t, pids[1])
			cancel()
			select {
			case err := <-result:
				require.ErrorContains(t, err, "it hung: no end within ")
				require.ErrorContains(t, err, "so it was killed\n\thanging")
			case <-within(t).Done():
				require.FailNow(t, "Try hangs, too")
			}
			requireNoChildren(t)
			require.True(t, gone(pids[0]))
			if args == nil {
				eventually(t, "the grandchild's end", func() bool { return gone(pids[1]) })
			}
		})
	}
}

func TestTryIsNotHeldUpByAnEscapedGrandchild(t *testing.T) {
	err := try(t, image("desert"))
	require.ErrorContains(t, err, "it ended without a word")
	lines := strings.Fields(err.Error())
	pid, numberErr := strconv.Atoi(lines[len(lines)-1])
	require.NoError(t, numberErr, err)
	killLater(t, pid)
}

func TestATrialDiesWithItsParent(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pids")
	cmd := command("trier", file)
	require.NoError(t, cmd.Start())
	pids := load[[]int](t, file)
	killLater(t, pids[1])
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait()
	eventually(t, "the trial's end", func() bool { return gone(pids[0]) })
}
