//go:build linux

package main

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// sharedFolder is a folder in the manner of /tmp.
func (s *site) sharedFolder() string {
	s.Helper()
	require.NoError(s, os.Mkdir(s.path("tmp"), 0o777))
	require.NoError(s, os.Chmod(s.path("tmp"), 0o777|fs.ModeSticky))
	return s.path("tmp")
}

// In a folder that others may write to, somebody may have prepared a trap.
func TestTrapsInASharedFolderAreRefused(t *testing.T) {
	t.Parallel()
	for _, which := range []string{"lock", "log", "pid"} {
		for name, trap := range map[string]struct {
			set  func(s *site, path, target string)
			want string
		}{
			"symbolic link": {
				func(s *site, path, target string) { require.NoError(s, os.Symlink(target, path)) },
				"symbolic link",
			},
			"dangling symbolic link": {
				func(s *site, path, target string) { require.NoError(s, os.Symlink(target+".new", path)) },
				"symbolic link",
			},
			"hard link": {
				func(s *site, path, target string) { require.NoError(s, os.Link(target, path)) },
				"name",
			},
			"somebody else's file": {
				func(s *site, path, _ string) {
					require.NoError(s, os.WriteFile(path, nil, 0o666))
					require.NoError(s, os.Chown(path, nobody, nobody))
				},
				"65534",
			},
			"somebody else's FIFO": {
				func(s *site, path, _ string) {
					require.NoError(s, syscall.Mkfifo(path, 0o666))
					require.NoError(s, os.Chown(path, nobody, nobody))
				},
				"regular file",
			},
		} {
			t.Run(which+": "+name, func(t *testing.T) {
				t.Parallel()
				if strings.HasPrefix(name, "somebody else's") {
					needsRoot(t)
				}
				s := newSite(t)
				tmp := s.sharedFolder()
				path := tmp + "/" + which
				s.write("target", "precious", 0o600)
				trap.set(s, path, s.path("target"))
				flag := map[string]string{"lock": "--lock", "log": "--log", "pid": "-p"}[which]
				for _, args := range [][]string{s.args(flag, path), s.args(flag, path, "-d")} {
					got := s.run(args...)
					require.Equal(t, 1, got.code, got.out)
					require.Empty(t, got.out)
					require.Equal(t, 1, strings.Count(got.err, "\n"), got.err)
					require.Contains(t, got.err, path)
					require.Contains(t, got.err, trap.want)
				}
				info, err := os.Stat(s.path("target"))
				require.NoError(t, err)
				require.Equal(t, fs.FileMode(0o600), info.Mode())
				require.Equal(t, "precious", s.read("target"))
				require.Equal(t, []string{"target", "tmp"}, s.files())
				require.Empty(t, s.read("target.new"))
			})
		}
	}
}

// In a folder of our own a link is how an administrator moves a file.
func TestALinkInAPrivateFolderIsFollowed(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	require.NoError(t, os.Mkdir(s.path("disk"), 0o755))
	for _, name := range []string{"lock", "log"} {
		require.NoError(t, os.Symlink(s.path("disk/"+name), s.path(name)))
	}
	p := s.start(s.args()...)
	s.beats(1)
	s.signal(p.pid, syscall.SIGTERM)
	require.Zero(t, p.exit())
	require.Contains(t, s.read("disk/log"), "Exit status: 0")
	require.FileExists(t, s.path("disk/lock"))
}

func TestModesAreTightWhateverTheUmask(t *testing.T) {
	t.Parallel()
	for umask, want := range map[string]fs.FileMode{"0": 0o644, "022": 0o644, "077": 0o600, "0777": 0o600} {
		for _, way := range []string{"foreground", "detached"} {
			t.Run(umask+" "+way, func(t *testing.T) {
				t.Parallel()
				s := newSite(t)
				tmp := s.sharedFolder()
				args := s.args("--lock", tmp+"/lock", "--log", tmp+"/log", "-p", tmp+"/pid")
				if way == "detached" {
					args = append(args, "-d")
				}
				cmd := exec.Command("sh", append([]string{"-c", "umask " + umask + `; exec "$@"`, "sh", s.bin}, args...)...)
				cmd.Env, cmd.Dir = s.env, s.dir
				p := s.launch(cmd)
				s.beats(2)
				pid := atoi(t, strings.TrimSpace(s.read("tmp/pid")))
				check := func() {
					t.Helper()
					for _, name := range []string{"lock", "log", "pid"} {
						info, err := os.Stat(tmp + "/" + name)
						require.NoError(t, err)
						mode := info.Mode().Perm()
						require.Zero(t, mode&^want&^0o044, "%s is %v", name, mode)
						if way == "foreground" {
							require.Equal(t, want, mode, name)
						}
					}
				}
				check()
				s.signal(pid, syscall.SIGHUP)
				s.eventually("a restart", func() bool { return strings.Contains(s.read("tmp/log"), "Restart: 1 ") })
				check()
				s.signal(pid, syscall.SIGTERM)
				s.gone(pid)
				require.Zero(t, p.exit())
			})
		}
	}
}

func TestAnOrdinaryUserNeedsNoMore(t *testing.T) {
	t.Parallel()
	needsRoot(t)
	s := newSite(t)
	home := s.path("home")
	require.NoError(t, os.Mkdir(home, 0o700))
	require.NoError(t, os.Chown(home, nobody, nobody))
	as := func(args ...string) *exec.Cmd {
		cmd := s.command(args...)
		cmd.Dir = home
		cmd.Env = append(s.env, "HOME="+home, "XDG_RUNTIME_DIR="+home)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		return cmd
	}
	got := s.finish(as("-d", "-p", "pid", "--every", "50ms"))
	require.Zero(t, got.code, got.err)
	pid := atoi(t, strings.TrimSpace(s.read("home/pid")))
	s.eventually("beats", func() bool { return strings.Contains(s.read("home/drill.log"), "beat 3") })
	for _, send := range []string{"restart", "dump"} {
		got := s.finish(as("-s", send, "-p", "pid"))
		require.Zero(t, got.code, got.err)
	}

	t.Log("root can stop it, too")
	require.Equal(t, outcome{out: fmt.Sprintf("drill: PID %d has stopped\n", pid)}, s.run("-s", "stop", "-p", home+"/pid"))
}
