package forker_test

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/forker"
)

func init() {
	roles["path"] = func([]string) { _, _ = os.Stdout.WriteString(forker.System().Executable()) }
}

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
	actual := forker.System().Executable()
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
		cmd := exec.Command(actual, "role", "path")
		cmd.Args[0], cmd.Dir = c.argv0, dir
		cmd.Env = append(os.Environ(), "PATH="+c.path)
		out, err := cmd.Output()
		require.NoError(t, err)
		require.Equal(t, c.want, string(out), "%q", c.argv0)
	}
}

func TestARestartFollowsASwitchedLink(t *testing.T) {
	dir := t.TempDir()
	actual := forker.System().Executable()
	copyFile(t, actual, filepath.Join(dir, "poller-1"))
	copyFile(t, actual, filepath.Join(dir, "poller-2"))
	link := filepath.Join(dir, "poller")
	require.NoError(t, os.Symlink("poller-1", link))
	cmd := exec.Command(link, "role", "upgrade")
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

func init() {
	roles["upgrade"] = func([]string) {
		m := forker.System()
		running, _ := os.Readlink("/proc/self/exe")
		_, _ = os.Stdout.WriteString(running)
		if m.Birth().Kind == forker.Restarted {
			return
		}
		_, _ = os.Stdin.Read(make([]byte, 1))
		must(m.Exec(forker.Image{Path: m.Executable(), Args: os.Args[1:], Dir: m.Birth().Dir}))
	}
}

func TestResidentMemory(t *testing.T) {
	now, peak := forker.System().Resident()
	require.Greater(t, peak, uint64(1<<20))
	require.Less(t, peak, uint64(4<<30))
	if runtime.GOOS == "linux" {
		require.Greater(t, now, uint64(1<<20))
		require.LessOrEqual(t, now, peak)
	}
}
