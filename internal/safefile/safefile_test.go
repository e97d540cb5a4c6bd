package safefile_test

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/evertick/evertick/internal/safefile"
)

const create = os.O_CREATE | os.O_RDWR

// stranger is a user that is not us.
const stranger = 65534

// private is a folder that only we may write to.
func private(t *testing.T) string {
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o755))
	return dir
}

// shared is a folder that everybody may write to.
func shared(t *testing.T) string {
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o777))
	return dir
}

func write(t *testing.T, path, text string) string {
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	return path
}

func link(t *testing.T, to, path string) string {
	require.NoError(t, os.Symlink(to, path))
	return path
}

func asRoot(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to give files away")
	}
}

func giveAway(t *testing.T, path string) string {
	asRoot(t)
	require.NoError(t, os.Lchown(path, stranger, stranger))
	return path
}

func mode(t *testing.T, path string) fs.FileMode {
	info, err := os.Stat(path)
	require.NoError(t, err)
	return info.Mode().Perm()
}

// Both Open and Check refuse what they must, with one line that names the path
// and says why, and neither leaves a trace.
func TestRefused(t *testing.T) {
	for _, c := range []struct {
		name string
		path func(t *testing.T) string
		says string
	}{
		{"an empty path", func(t *testing.T) string { return "" }, "its path is empty"},
		{"a folder", private, "it is a folder: name a file in it"},
		{"a path that ends like a folder's", func(t *testing.T) string { return private(t) + "/" }, "it is a folder"},
		{"a missing folder", func(t *testing.T) string { return private(t) + "/missing/x" }, "create the folder"},
		{"a file in place of the folder", func(t *testing.T) string { return write(t, private(t)+"/f", "") + "/x" }, "whose parent is a folder"},
		{"a name that is too long", func(t *testing.T) string { return private(t) + "/" + strings.Repeat("x", 300) }, "name a shorter path"},
		{"a NUL in the name", func(t *testing.T) string { return private(t) + "/a\x00b" }, "control characters"},
		{"a FIFO", func(t *testing.T) string {
			path := private(t) + "/fifo"
			require.NoError(t, unix.Mkfifo(path, 0o644))
			return path
		}, "it is a FIFO"},
		{"a socket", func(t *testing.T) string {
			dir, err := os.MkdirTemp("", "s") // t.TempDir may be too long for a socket
			require.NoError(t, err)
			t.Cleanup(func() { _ = os.RemoveAll(dir) })
			l, err := net.Listen("unix", dir+"/s")
			require.NoError(t, err)
			t.Cleanup(func() { _ = l.Close() })
			return dir + "/s"
		}, "it is a socket"},
		{"the null device", func(t *testing.T) string { return "/dev/null" }, "it is a device"},
		{"a link to the null device", func(t *testing.T) string { return link(t, "/dev/null", private(t)+"/l") }, "it leads to /dev/null: it is a device"},
		{"links in a circle", func(t *testing.T) string {
			dir := private(t)
			link(t, "b", dir+"/a")
			return link(t, "a", dir+"/b")
		}, "without so many symbolic links"},
		{"a link in a shared folder", func(t *testing.T) string {
			return link(t, private(t)+"/victim", shared(t)+"/x")
		}, "it is a symbolic link in "},
		{"a private link into a shared folder with a link", func(t *testing.T) string {
			trap := link(t, private(t)+"/victim", shared(t)+"/x")
			return link(t, trap, private(t)+"/x")
		}, "it is a symbolic link in "},
		{"a second name in a shared folder", func(t *testing.T) string {
			dir := shared(t)
			require.NoError(t, os.Link(write(t, dir+"/victim", "v"), dir+"/x"))
			return dir + "/x"
		}, "it has a second name"},
		{"a foreign file in a shared folder", func(t *testing.T) string {
			return giveAway(t, write(t, shared(t)+"/x", ""))
		}, "it belongs to user 65534"},
		{"a foreign file in a foreign folder", func(t *testing.T) string {
			return giveAway(t, write(t, giveAway(t, private(t))+"/x", ""))
		}, "it belongs to user 65534"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := c.path(t)
			f, err := safefile.Open(path, create, 0o644)
			if !assert.Error(t, err) {
				_ = f.Close()
			}
			for _, err := range []error{err, safefile.Check(path, create)} {
				require.Error(t, err)
				assert.Contains(t, err.Error(), c.says)
				assert.NotContains(t, err.Error(), "\n")
				if path != "" {
					assert.True(t, strings.HasPrefix(err.Error(), "open "+path+": "), "%v", err)
				}
			}
		})
	}
}

// What a link in a shared folder points to is neither created nor touched.
func TestTrapsDoNothing(t *testing.T) {
	victim := private(t) + "/victim"
	trap := link(t, victim, shared(t)+"/x")
	_, err := safefile.Open(trap, create, 0o644)
	require.Error(t, err)
	assert.NoFileExists(t, victim)

	write(t, victim, "precious")
	second := filepath.Dir(trap) + "/y"
	require.NoError(t, os.Link(victim, second))
	_, err = safefile.Open(second, create|os.O_TRUNC, 0o600)
	require.Error(t, err)
	text, err := os.ReadFile(victim)
	require.NoError(t, err)
	assert.Equal(t, "precious", string(text))
	assert.EqualValues(t, 0o644, mode(t, victim))
}

// Follow goes by the rules of Open for links, and no further than it must.
func TestFollow(t *testing.T) {
	dir := private(t)
	wanted := func(path string) bool { return path == os.DevNull }
	link(t, os.DevNull, dir+"/direct")
	link(t, "direct", dir+"/indirect")
	for _, path := range []string{os.DevNull, dir + "/direct", dir + "/indirect"} {
		to, err := safefile.Follow(path, wanted)
		require.NoError(t, err)
		require.Equal(t, os.DevNull, to)
	}
	for path, says := range map[string]string{
		write(t, dir+"/file", ""):              "no such file",
		dir + "/missing":                       "no such file",
		link(t, "file", dir+"/to-file"):        "no such file",
		link(t, "loop", dir+"/loop"):           "too many",
		link(t, os.DevNull, shared(t)+"/trap"): "a folder that others may write to",
		dir + "/file/x":                        "not a directory",
	} {
		_, err := safefile.Follow(path, wanted)
		require.ErrorContains(t, err, says)
	}
}

func TestOpened(t *testing.T) {
	for _, c := range []struct {
		name string
		path func(t *testing.T) string
	}{
		{"a new file", func(t *testing.T) string { return private(t) + "/x" }},
		{"a new file in a shared folder", func(t *testing.T) string { return shared(t) + "/x" }},
		{"an own file in a shared folder", func(t *testing.T) string { return write(t, shared(t)+"/x", "") }},
		{"a link in a private folder", func(t *testing.T) string {
			return link(t, write(t, private(t)+"/y", ""), private(t)+"/x")
		}},
		{"a relative link to nothing in a private folder", func(t *testing.T) string { return link(t, "sub/../y", within(t)+"/x") }},
		{"a second name in a private folder", func(t *testing.T) string {
			dir := private(t)
			require.NoError(t, os.Link(write(t, dir+"/y", ""), dir+"/x"))
			return dir + "/x"
		}},
		{"a foreign file in a private folder", func(t *testing.T) string { return giveAway(t, write(t, private(t)+"/x", "")) }},
		{"a relative path", func(t *testing.T) string { t.Chdir(private(t)); return "x" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := c.path(t)
			_, before := os.Stat(path)
			require.NoError(t, safefile.Check(path, create))
			_, after := os.Stat(path)
			require.Equal(t, before == nil, after == nil, "Check must create nothing")

			f, err := safefile.Open(path, create, 0o644)
			require.NoError(t, err)
			defer func() { require.NoError(t, f.Close()) }()
			_, err = f.WriteString("hello")
			require.NoError(t, err)
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			assert.Equal(t, "hello", string(text))

			flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFD, 0)
			require.NoError(t, err)
			assert.NotZero(t, flags&unix.FD_CLOEXEC)
			flags, err = unix.FcntlInt(f.Fd(), unix.F_GETFL, 0)
			require.NoError(t, err)
			assert.Zero(t, flags&unix.O_NONBLOCK)
		})
	}
}

func within(t *testing.T) string {
	dir := private(t)
	require.NoError(t, os.Mkdir(dir+"/sub", 0o755))
	return dir
}

// The owner of a file that is created can use it, whatever the umask; one that was
// there is left as it is.
func TestAUmaskDoesNotLockTheOwnerOut(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0o777))
	dir := private(t)
	for name, perm := range map[string]fs.FileMode{"log": 0o644, "lock": 0o600} {
		f, err := safefile.Open(filepath.Join(dir, name), create, perm)
		require.NoError(t, err)
		require.NoError(t, f.Close())
		assert.Equal(t, fs.FileMode(0o600), mode(t, filepath.Join(dir, name)))
	}
	there := filepath.Join(dir, "there")
	require.NoError(t, os.WriteFile(there, nil, 0))
	if f, err := safefile.Open(there, create, 0o644); err == nil { // root may
		require.NoError(t, f.Close())
	}
	assert.Zero(t, mode(t, there))
}

// Modes are 0644 or tighter, whatever the umask, and whatever they were.
func TestModes(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0))
	dir := private(t)
	for _, c := range []struct {
		name         string
		before       fs.FileMode // 0: there is no file
		flag         int
		perm, wanted fs.FileMode
	}{
		{"a new file", 0, create, 0o644, 0o644},
		{"a new file, asked for looser", 0, create, 0o666, 0o644},
		{"a new file, asked for tighter", 0, create, 0o600, 0o600},
		{"a looser file", 0o666, create, 0o644, 0o644},
		{"an executable file", 0o755, create, 0o644, 0o644},
		{"a tighter file", 0o600, create, 0o644, 0o600},
		{"a looser file without O_CREATE", 0o664, os.O_WRONLY, 0, 0o644},
		{"a file that is only read", 0o666, os.O_RDONLY, 0, 0o666},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(dir, strings.ReplaceAll(c.name, " ", "-"))
			if c.before != 0 {
				require.NoError(t, os.Chmod(write(t, path, ""), c.before))
			}
			f, err := safefile.Open(path, c.flag, c.perm)
			require.NoError(t, err)
			require.NoError(t, f.Close())
			assert.Equal(t, c.wanted, mode(t, path))
		})
	}
}

func TestFlags(t *testing.T) {
	dir := private(t)
	_, err := safefile.Open(dir+"/missing", os.O_RDWR, 0)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorIs(t, safefile.Check(dir+"/missing", os.O_RDWR), fs.ErrNotExist)

	path := write(t, dir+"/x", "old")
	for _, path := range []string{path, link(t, "nothing", dir+"/l")} {
		_, err = safefile.Open(path, create|os.O_EXCL, 0o644)
		require.ErrorIs(t, err, fs.ErrExist)
		require.ErrorIs(t, safefile.Check(path, create|os.O_EXCL), fs.ErrExist)
	}

	f, err := safefile.Open(path, os.O_WRONLY|os.O_APPEND, 0)
	require.NoError(t, err)
	_, err = f.WriteString("+new")
	require.NoError(t, err)
	require.NoError(t, f.Close())
	text, _ := os.ReadFile(path)
	assert.Equal(t, "old+new", string(text))

	f, err = safefile.Open(path, os.O_WRONLY|os.O_TRUNC, 0)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	text, _ = os.ReadFile(path)
	assert.Empty(t, text)
}

func TestErrorsWrapTheSystems(t *testing.T) {
	err := safefile.Check(private(t)+"/missing/x", create)
	var errno syscall.Errno
	require.True(t, errors.As(err, &errno))
	assert.Equal(t, syscall.ENOENT, errno)
}
