//go:build linux

package main

import (
	"bufio"
	"cmp"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// hostile is an environment that a daemon is started in: a shell's words before the
// program, and what is prepared for it. Every act of every environment has an
// expectation: it succeeds, unless differs has another one.
type hostile struct {
	shell   string
	root    bool // only root can prepare it
	prepare func(s *site)
	mounts  string // see mounted
	flag    string // of the file that is in the folder of mounted; empty: --log
	differs map[string]func(p *process)
}

// expects are expectations of acts that differ.
type expects = map[string]func(p *process)

// acts are what a daemon does in each environment, in this order.
var acts = []struct {
	name string
	do   func(p *process)
}{
	{"start", func(p *process) { p.logged("Application Startup", 1) }},
	{"tick", func(p *process) { p.beats(2) }},
	{"rotate", func(p *process) {
		path := p.path
		if p.inside != "" {
			path = p.mnt
		}
		require.NoError(p, os.Rename(path("log"), path("log.1")))
		p.logged("beat", 2)
	}},
	{"dump", func(p *process) {
		p.signal(p.daemon(), syscall.SIGUSR1)
		p.logged("Dump of drill", 1)
	}},
	{"restart", func(p *process) {
		p.signal(p.daemon(), syscall.SIGHUP)
		p.logged("Restart: 1 (SIGHUP)", 1)
		p.beats(1)
	}},
	{"stop", func(p *process) {
		p.signal(p.daemon(), syscall.SIGTERM)
		require.Zero(p, p.exit())
		p.requireEnd(0)
	}},
}

// daemon returns the daemon's number here: in a namespace of its own its PID file has
// another one.
func (p *process) daemon() int {
	pids := p.living()
	require.NotEmpty(p, pids)
	return pids[len(pids)-1]
}

var hostiles = map[string]hostile{
	"none":                        {},
	"descriptor 0 closed":         {shell: `exec "$@" 0<&-`},
	"descriptor 1 closed":         {shell: `exec "$@" 1>&-`},
	"descriptor 2 closed":         {shell: `exec "$@" 2>&-`},
	"descriptors 0, 1, 2 closed":  {shell: `exec "$@" 0<&- 1>&- 2>&-`},
	"standard output full":        {shell: `exec "$@" >/dev/full 2>&1`},
	"no HOME, no PATH":            {shell: `unset HOME PATH USER LOGNAME; exec "$@"`},
	"a user without passwd entry": {root: true, shell: `exec setpriv --reuid 4242 --regid 4242 --clear-groups "$@"`, prepare: func(s *site) { require.NoError(s, os.Chmod(s.dir, 0o777)) }},
	"NOTIFY_SOCKET absent":        {shell: `NOTIFY_SOCKET=/no/such/socket exec "$@"`},
	"NOTIFY_SOCKET closed":        {shell: `NOTIFY_SOCKET="$PWD/closed" exec "$@"`, prepare: func(s *site) { require.NoError(s, s.bindNotify("closed").Close()) }},
	"NOTIFY_SOCKET full": {shell: `NOTIFY_SOCKET="$PWD/full" exec "$@"`, prepare: func(s *site) {
		conn := s.bindNotify("full")
		for out, err := net.Dial("unixgram", s.path("full")); err == nil; _, err = out.Write([]byte("STATUS=x")) {
			require.NoError(s, out.SetWriteDeadline(deadlineSoon()))
		}
		s.Cleanup(func() { _ = conn.Close() })
	}},
	"few descriptors":           {shell: `ulimit -n 48; exec "$@"`},
	"a folder that is no UTF-8": {shell: `d=$(printf 'caf\\351 {"'); mkdir "$d" && cd "$d" && exec "$@"`},
	"a deleted folder":          {shell: `mkdir gone && cd gone && rmdir "$PWD" && exec "$@"`, differs: refused(`the working folder has been deleted`)},
	"nohup": {shell: `trap "" HUP; exec "$@"`, differs: expects{
		"restart": func(p *process) {
			p.signal(p.daemon(), syscall.SIGHUP)
			p.beats(2)
			require.NotContains(p, p.read("log"), "Restart Asked")
		},
	}},
	"/proc unmounted":        {root: true, shell: `exec unshare -m sh -c 'umount -l /proc && exec "$@"' sh "$@"`},
	"PID 1":                  {root: true, shell: `exec unshare -fp --mount-proc "$@"`},
	"PID 1, another's /proc": {root: true, shell: `exec unshare -fp "$@"`},
	"a full tmpfs":           {root: true, mounts: `mount -t tmpfs -o size=64k none mnt; cat /dev/zero >mnt/fill 2>/dev/null || :`, differs: fullDisk},
	"no inodes":              {root: true, mounts: `mount -t tmpfs -o nr_inodes=3 none mnt; touch mnt/fill mnt/more`, differs: fullDisk},
	"a read-only program": {
		root: true, mounts: `mkdir ro; mount --bind "$PWD" ro; mount -o remount,bind,ro ro; ! touch ro/x 2>/dev/null`,
		shell: `cd ro && shift && exec ./drill "$@"`,
	},
	"a read-only log":      {root: true, mounts: `mount -t tmpfs none mnt; mount -o remount,ro mnt`, differs: noLog},
	"a read-only PID file": {root: true, mounts: `mount -t tmpfs none mnt; mount -o remount,ro mnt`, flag: "-p", differs: refused(`mnt/pid: read-only file system`)},
	"RLIMIT_FSIZE": {shell: `exec prlimit --fsize=1048576 "$@"`, prepare: func(s *site) {
		s.write("log", "", 0o644)
		require.NoError(s, os.Truncate(s.path("log"), 1<<20))
	}, differs: expects{
		"start": func(p *process) {
			p.printed("file too large")
			p.printed("Application Startup")
		},
	}},
	"RLIMIT_NPROC": {root: true, shell: `exec setpriv --reuid "$OTHER_USER" --clear-groups prlimit --nproc=100 "$@"`, prepare: anothersFolder},
	"RLIMIT_NPROC, too low": {
		root: true, shell: `exec setpriv --reuid "$OTHER_USER" --clear-groups prlimit --nproc=1 "$@"`, prepare: anothersFolder,
		differs: refused(`pthread_create failed|failed to create new OS thread`),
	},
}

// anothersFolder prepares for a user whom no other test has.
func anothersFolder(s *site) {
	require.NoError(s, os.Chmod(s.dir, 0o777))
	s.env = append(s.env, fmt.Sprintf("OTHER_USER=%d", 20_000+os.Getpid()%40_000))
}

// printed waits for text on standard output.
func (p *process) printed(text string) {
	p.Helper()
	p.eventually("on standard output: "+text, func() bool { return strings.Contains(p.read(p.out), text) })
}

// fullDisk is expected where nothing can be added to the log: it goes to standard
// output, and is whole in the end, when there is room.
var fullDisk = expects{
	"start": func(p *process) {
		p.printed("no space left on device")
		p.printed("Application Startup")
	},
	"rotate": func(p *process) {
		if err := os.Rename(p.mnt("log"), p.mnt("log.1")); err != nil {
			require.ErrorIs(p, err, os.ErrNotExist) // it could not be created
		}
		p.beats(2)
	},
	"dump": func(p *process) {
		p.signal(p.daemon(), syscall.SIGUSR1)
		p.printed("Dump of drill")
	},
	"restart": func(p *process) {
		p.signal(p.daemon(), syscall.SIGHUP)
		p.printed("Restart: 1 (SIGHUP)")
		p.beats(1)
	},
	"stop": func(p *process) {
		require.Empty(p, strings.Trim(p.read("log"), "\n"))
		require.NoError(p, os.Remove(p.mnt("fill")))
		p.logged("The log file can be written again.", 1)
		p.signal(p.daemon(), syscall.SIGTERM)
		require.Zero(p, p.exit())
		p.requireEnd(0)
		p.requireAllBeats(p.read("log"))
		require.Contains(p, p.read("log"), "Application Startup")
	},
}

// noLog is expected where the log is on standard output to the end.
var noLog = expects{
	"start": func(p *process) {
		p.printed("read-only file system")
		p.printed("Application Startup")
	},
	"rotate":  func(p *process) { p.beats(2) },
	"dump":    fullDisk["dump"],
	"restart": fullDisk["restart"],
	"stop": func(p *process) {
		p.signal(p.daemon(), syscall.SIGTERM)
		require.Zero(p, p.exit())
		p.printed("Shutdown Complete.")
		require.NoFileExists(p, p.path("pid"))
		p.requireFree()
	},
}

// refused is expected where a daemon cannot be started: it says why and leaves
// nothing behind.
func refused(why string) expects {
	nobody := func(verb string) func(p *process) {
		return func(p *process) {
			got := p.run("-s", verb, "-p", p.path("pid"))
			require.Equal(p, 1, got.code)
			require.Contains(p, got.err, "no daemon is running")
		}
	}
	return expects{
		"start": func(p *process) {
			require.NotZero(p, p.exit())
			require.Regexp(p, why, p.read(p.err))
		},
		"tick":    func(p *process) { require.Empty(p, p.witness()) },
		"rotate":  func(p *process) { require.Empty(p, p.read("log")) },
		"dump":    nobody("dump"),
		"restart": nobody("restart"),
		"stop": func(p *process) {
			nobody("stop")(p)
			require.NoFileExists(p, p.path("pid"))
			require.True(p, p.lockFree())
		},
	}
}

// mounted runs a shell's words in a mount namespace, which lasts as long as the test,
// and returns the words that run a command there. The log is in its folder mnt,
// which is a file system of its own by then; outside there is a link to it.
func (s *site) mounted(script string) []string {
	s.Helper()
	require.NoError(s, os.Mkdir(s.path("mnt"), 0o755))
	cmd := exec.Command("unshare", "-m", "--propagation", "private", "sh", "-ec", script+"\necho ready\nread end")
	cmd.Dir = s.dir
	in, err := cmd.StdinPipe()
	require.NoError(s, err)
	out, err := cmd.StdoutPipe()
	require.NoError(s, err)
	cmd.Stderr = os.Stderr
	require.NoError(s, cmd.Start())
	s.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(s, err)
	require.Equal(s, "ready\n", line)
	s.inside = fmt.Sprintf("/proc/%d/root%s/mnt", cmd.Process.Pid, s.dir)
	require.NoError(s, os.Symlink(s.mnt("log"), s.path("log")))
	return []string{"nsenter", "-t", fmt.Sprint(cmd.Process.Pid), "-m", "sh", "-c", `cd "$1" && shift && exec "$@"`, "sh", s.dir}
}

// mnt is a path in the folder of mounted.
func (s *site) mnt(name string) string { return filepath.Join(s.inside, name) }

// bindNotify makes a supervisor's socket.
func (s *site) bindNotify(name string) *net.UnixConn {
	s.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: s.path(name), Net: "unixgram"})
	require.NoError(s, err)
	return conn
}

// Every act of a daemon has its outcome in every hostile environment.
func TestHostileEnvironments(t *testing.T) {
	t.Parallel()
	for name, h := range hostiles {
		t.Run(strings.ReplaceAll(name, "/", ""), func(t *testing.T) {
			t.Parallel()
			if h.root || h.mounts != "" {
				needsRoot(t)
			}
			s := newSite(t)
			if h.prepare != nil {
				h.prepare(s)
			}
			var enter, there []string
			if h.mounts != "" {
				flag := cmp.Or(h.flag, "--log")
				enter, there = s.mounted(h.mounts), []string{flag, filepath.Join(s.dir, "mnt", map[string]string{"--log": "log", "-p": "pid"}[flag])}
			}
			words := append([]string{s.bin}, s.args(there...)...)
			if h.shell != "" {
				words = append([]string{"/bin/sh", "-c", h.shell, "sh"}, words...)
			}
			words = append(enter, words...)
			cmd := exec.Command(words[0], words[1:]...)
			cmd.Dir, cmd.Env = s.dir, s.env
			p := s.launch(cmd)
			for _, act := range acts {
				do := act.do
				if other := h.differs[act.name]; other != nil {
					do = other
				}
				do(p)
			}
		})
	}
}

// deadlineSoon is when a write to a full socket is given up.
func deadlineSoon() time.Time { return time.Now().Add(10 * time.Millisecond) }
