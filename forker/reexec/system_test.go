package reexec_test

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/forker/internal/roletest"
	"github.com/evertick/evertick/forker/reexec"
)

// copyFile copies a program to where nothing was.
func copyFile(t *testing.T, from, to string) {
	in, err := os.Open(from)
	require.NoError(t, err)
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	require.NoError(t, err)
	_, err = io.Copy(out, in)
	require.NoError(t, err)
	require.NoError(t, out.Close())
}

func TestTheProgramIsKnownByTheNameThatWasTyped(t *testing.T) {
	actual := reexec.System(nil).Info().Executable
	dir := t.TempDir()
	link := filepath.Join(dir, "poller")
	require.NoError(t, os.Symlink(actual, link))
	for _, c := range []struct {
		argv0, path string // PATH
		want        string
	}{
		{actual, "", actual},
		{link, "", link},
		{"./poller", "", link},
		{"poller", dir, link},
		{"lies", dir, actual},
		{"/bin/true", dir, actual},
		{"", "", actual},
	} {
		cmd := exec.Command(actual, roletest.Args("path")...)
		cmd.Args[0], cmd.Dir = c.argv0, dir
		cmd.Env = append(os.Environ(), "PATH="+c.path)
		out, err := cmd.Output()
		require.NoError(t, err)
		require.Equal(t, c.want, string(out), "%q", c.argv0)
	}
}

func TestARestartFollowsASwitchedLink(t *testing.T) {
	dir := t.TempDir()
	actual := reexec.System(nil).Info().Executable
	copyFile(t, actual, filepath.Join(dir, "poller-1"))
	copyFile(t, actual, filepath.Join(dir, "poller-2"))
	link := filepath.Join(dir, "poller")
	require.NoError(t, os.Symlink("poller-1", link))
	cmd := exec.Command(link, roletest.Args("upgrade")...)
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	read := func() string {
		line := make([]byte, 200)
		n, err := out.Read(line)
		require.NoError(t, err)
		return string(line[:n])
	}
	require.Equal(t, filepath.Join(dir, "poller-1"), read())
	require.NoError(t, os.Remove(link))
	require.NoError(t, os.Symlink("poller-2", link))
	require.NoError(t, os.Remove(filepath.Join(dir, "poller-1")))
	_, err = io.WriteString(in, "go\n")
	require.NoError(t, err)
	require.Equal(t, filepath.Join(dir, "poller-2"), read())
	require.NoError(t, cmd.Wait())
}

func upgrade([]string) {
	system := reexec.System(nil)
	running, _ := os.Readlink("/proc/self/exe")
	_, _ = os.Stdout.WriteString(running)
	if system.Info().Origin.Kind == reexec.Restarted {
		return
	}
	_, _ = os.Stdin.Read(make([]byte, 1))
	roletest.Must(system.Exec(reexec.Program{
		Path: system.Info().Executable, Args: os.Args[1:], Dir: system.Info().Origin.Dir,
	}))
}

func TestResidentMemory(t *testing.T) {
	now, peak := reexec.Resident()
	require.Greater(t, peak, uint64(1<<20))
	require.Less(t, peak, uint64(4<<30))
	if runtime.GOOS == "linux" {
		require.Greater(t, now, uint64(1<<20))
		require.LessOrEqual(t, now, peak)
	}
}
