//go:build linux

package main

import (
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// nobody is a user that may write nowhere in a site.
const nobody = 65534

func TestBadInputIsToldInOneLine(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.write("file", "mine", 0o644)
	require.NoError(t, os.Mkdir(s.path("folder"), 0o755))
	require.NoError(t, os.Mkdir(s.path("locked"), 0o700))
	require.NoError(t, syscall.Mkfifo(s.path("fifo"), 0o644))
	files := s.files()

	for _, c := range []struct {
		name string
		args []string
		as   uint32
		want []string

		onlyDetached bool // in the foreground it is a warning; --check tells it, too
	}{
		{name: "unknown long flag", args: []string{"--evry", "1s"}, want: []string{"unknown long flag '--evry'; did you mean --every? See --help"}},
		{name: "a flag like no other", args: []string{"--xyzzy"}, want: []string{"unknown long flag '--xyzzy'; see --help"}},
		{name: "unknown short flag", args: []string{"-z"}, want: []string{"unknown short flag '-z'", "see --help"}},
		{name: "an argument", args: []string{"start"}, want: []string{`unexpected argument "start"`, "see --help"}},
		{name: "a verb without -s", args: []string{"stop"}, want: []string{`unexpected argument "stop"; did you mean -s stop -p FILE?`}},
		{name: "a switch with a value", args: []string{"--detach=false"}, want: []string{`unexpected argument "false"`}},
		{name: "a duration in two words", args: []string{"--every", "5", "s"}, want: []string{`unexpected argument "s"`}},
		{name: "PID file: an empty path", args: []string{"-p", ""}, want: []string{"-p: the path of the PID file is empty"}},
		{name: "count: too large", args: []string{"--hang", "99999999999999999999"}, want: []string{"it is too large or too small"}},
		{name: "work: no duration", args: []string{"--work", "5"}, want: []string{`--work "5": it is no duration: give a number with its unit`}},
		{name: "recipient: two in one", args: []string{"--alerts", "smtp://localhost:25", "--to", "a@b c@d"}, want: []string{`alert recipient "a@b c@d" is no mail address`}},
		{name: "lock: an empty path", args: []string{"--lock", ""}, want: []string{"--lock: ", "write null:, file:PATH or a path"}},
		{name: "a flag without its value", args: []string{"-p"}, want: []string{"expected argument for flag '-p'"}},
		{name: "interval: negative", args: []string{"--every=-5s"}, want: []string{"--every: ", "-5s", "give "}},
		{name: "interval: negative, as two words", args: []string{"--every", "-5s"}, want: []string{"--flag=-5s"}},
		{name: "interval: absurdly small", args: []string{"--every", "1ns"}, want: []string{"--every: ", "1ns", "Give 0"}},
		{name: "interval: absurdly large", args: []string{"--every", "999999h"}, want: []string{"--every: ", "999999h", "give "}},
		{name: "interval: more than there is", args: []string{"--every", "99999999999h"}, want: []string{`--every: "99999999999h" is no duration`, "give a number"}},
		{name: "interval: no duration", args: []string{"--every", "abc"}, want: []string{`--every: "abc" is no duration`, "give a number"}},
		{name: "interval: no unit", args: []string{"--every", "5"}, want: []string{`--every: "5" is no duration`, "give a number with its unit"}},
		{name: "work: negative", args: []string{"--work=-1s"}, want: []string{"--work -1s", "give "}},
		{name: "warm-up: negative", args: []string{"--warm-up=-1s"}, want: []string{"--warm-up -1s", "give "}},
		{name: "iteration time-out: negative", args: []string{"--iteration-timeout=-1s"}, want: []string{"--iteration-timeout: ", "give "}},
		{name: "memory: no size", args: []string{"--restart-above-memory", "much"}, want: []string{`--restart-above-memory: "much" is no size`, "give a number with its unit"}},
		{name: "memory: negative", args: []string{"--restart-above-memory=-1MB"}, want: []string{`--restart-above-memory: "-1MB" is no size`, "give a number"}},
		{name: "restarts: no time", args: []string{"--max-restarts", "5"}, want: []string{`--max-restarts: "5" is no number of restarts`, "such as 5/10m"}},
		{name: "restarts: no number", args: []string{"--max-restarts", "some"}, want: []string{`--max-restarts: "some" is no number of restarts`, "such as 5/10m"}},
		{name: "restarts: negative", args: []string{"--max-restarts=-1/5m"}, want: []string{"--max-restarts: ", "give a number from 0"}},
		{name: "shutdown time-out: none", args: []string{"--shutdown-timeout", "0s"}, want: []string{"--shutdown-timeout: ", "give a positive duration"}},
		{name: "log level: unknown", args: []string{"--log-level", "loud"}, want: []string{`--log-level: "loud" is no level`, "give debug, info, warn or error"}},
		{name: "restart interval: too short", args: []string{"--restart-every", "9s"}, want: []string{"--restart-every: ", "9s", "10s", "give "}},
		{name: "fork: negative", args: []string{"--fork=-1"}, want: []string{"--fork -1 is too small: give 0 or more"}},
		{name: "children: none", args: []string{"--max-children", "0"}, want: []string{"--max-children 0 is too small: give 1 or more"}},
		{name: "calls: negative", args: []string{"--calls=-1"}, want: []string{"--calls -1 is too small: give 0 or more"}},
		{name: "task: unknown", args: []string{"--fork", "1", "--task", "sing"}, want: []string{"--task", "finish,crash,hang,print,grandchild,stubborn,outlive"}},
		{name: "count: no number", args: []string{"--hang", "often"}, want: []string{`--hang "often": it is no whole number`}},
		{name: "alerts without a recipient", args: []string{"--alerts", "smtp://localhost:25"}, want: []string{"alerts have no recipient"}},
		{name: "a recipient without alerts", args: []string{"--to", "a@example.com"}, want: []string{"--to: ", "give --alerts"}},
		{name: "alerts to nowhere", args: []string{"-d", "--alerts", "stdout:", "--to", "a@example.com"}, want: []string{"alerts go to standard output", "leave -d out"}},
		{name: "alerts: unknown scheme", args: []string{"--alerts", "pigeon://loft", "--to", "a@example.com"}, want: []string{"smtp:", "smtps:"}},
		{name: "send: unknown", args: []string{"-s", "pause", "-p", s.path("pid")}, want: []string{"-s pause", "stop, restart, dump"}},
		{name: "send without a PID file", args: []string{"-s", "stop"}, want: []string{"-s stop needs -p FILE"}},
		{name: "send and detach", args: []string{"-d", "-s", "stop", "-p", s.path("pid")}, want: []string{"-s stop and -d contradict each other"}},
		{name: "instructions and detach", args: []string{"-d", "-i"}, want: []string{"-i ", "cannot be combined with -d"}},

		{name: "lock: unknown scheme", args: []string{"--lock", "redis://host/x"}, want: []string{"unknown scheme redis", "file", "null"}},
		{name: "lock: nothing", args: []string{"--lock", ""}, want: []string{"lock", "null:, file:PATH or a path"}},
		{name: "lock under /proc", args: []string{"--lock", "/proc/lock"}, want: []string{"lock: ", "/proc/lock", "name "}},
		{name: "lock under /sys", args: []string{"--lock", "/sys/lock"}, want: []string{"lock: ", "/sys/lock", "name "}},
		{name: "lock: a folder", args: []string{"--lock", s.path("folder")}, want: []string{"lock: ", s.path("folder"), "name "}},
		{name: "lock: a FIFO", args: []string{"--lock", s.path("fifo")}, want: []string{"lock: ", s.path("fifo"), "name "}},
		{name: "lock: a device", args: []string{"--lock", "/dev/null"}, want: []string{"lock: ", "/dev/null", "name "}},
		{name: "lock: folder missing", args: []string{"--lock", s.path("no/lock")}, want: []string{"lock: ", s.path("no/lock"), "create the folder"}},
		{name: "lock: folder unwritable", args: []string{"--lock", s.path("lock")}, as: nobody, want: []string{"lock: ", s.path("lock"), "let user 65534 write"}},
		{name: "lock: folder locked", args: []string{"--lock", s.path("locked/lock")}, as: nobody, want: []string{"lock: ", s.path("locked"), "let user 65534"}},

		{name: "PID file: folder missing", args: []string{"-p", s.path("no/pid")}, want: []string{"PID file", s.path("no/pid"), "create the folder"}},
		{name: "PID file: a file as folder", args: []string{"-p", s.path("file/pid")}, want: []string{"PID file", s.path("file/pid"), "name a path whose parent is a folder"}},
		{name: "PID file: folder unwritable", args: []string{"-p", s.path("pid")}, as: nobody, want: []string{"PID file", s.path("pid"), "let user 65534 write"}},
		{name: "PID file: a folder", args: []string{"-p", s.path("folder")}, want: []string{"PID file", s.path("folder"), "name "}},
		{name: "PID file: a device", args: []string{"-p", "/dev/full"}, want: []string{"PID file", "/dev/full", "name "}},
		{name: "PID file under /proc", args: []string{"-p", "/proc/pid"}, want: []string{"PID file", "/proc/pid", "name "}},

		{name: "log: folder missing", onlyDetached: true, args: []string{"--log", s.path("no/log")}, want: []string{"log file", s.path("no/log"), "create the folder"}},
		{name: "log: folder unwritable", onlyDetached: true, args: []string{"--log", s.path("log")}, as: nobody, want: []string{"log file", s.path("log"), "let user 65534 write"}},
		{name: "log: file unwritable", onlyDetached: true, args: []string{"--log", s.path("file")}, as: nobody, want: []string{"log file", s.path("file"), "let user 65534 write"}},
		{name: "log: a folder", args: []string{"--log", s.path("folder")}, want: []string{"log file", s.path("folder"), "name "}},
		{name: "log: a device", args: []string{"--log", "/dev/full"}, want: []string{"log file", "/dev/full", "name "}},
		{name: "log: a FIFO", args: []string{"--log", s.path("fifo")}, want: []string{"log file", s.path("fifo"), "name "}},
		{name: "log: a name too long", args: []string{"--log", s.path(strings.Repeat("x", 300))}, want: []string{"log file", "name a shorter path"}},

		{name: "witness: a folder", args: []string{"--witness", s.path("folder")}, want: []string{"--witness", s.path("folder"), "give a file"}},
		{name: "witness: a FIFO", args: []string{"--witness", s.path("fifo")}, want: []string{"--witness", s.path("fifo"), "give one"}},
		{name: "witness: somebody's file", args: []string{"--witness", s.path("file")}, want: []string{"--witness", s.path("file"), "name another file"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			args := c.args
			if c.as != 0 { // what is not asked for must not be in the way
				needsRoot(t)
				args = withDefault(withDefault(args, "--lock", "null:"), "--log", "")
			}
			ways := [][]string{args, append([]string{"-d"}, args...)}
			if c.onlyDetached {
				ways[0] = append([]string{"--check"}, args...)
			}
			if slices.Contains(args, "-s") || slices.Contains(args, "-d") {
				ways = ways[:1]
			}
			for _, args := range ways {
				cmd := s.command(args...)
				if c.as != 0 {
					cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: c.as, Gid: c.as}}
				}
				got := s.finish(cmd)
				require.Equal(t, 1, got.code, got.out)
				require.Empty(t, got.out)
				require.Regexp(t, `^drill: .*\n$`, got.err)
				require.Equal(t, 1, strings.Count(got.err, "\n"), "more than a line: %s", got.err)
				for _, text := range c.want {
					require.Contains(t, got.err, text)
				}
				require.Equal(t, files, s.files(), "something was created")
				require.NoFileExists(t, s.path("drill.lock"))
				require.NoFileExists(t, s.path("drill.log"))
				require.Equal(t, "mine", s.read("file"))
			}
		})
	}
}

func withDefault(args []string, flag, value string) []string {
	if slices.Contains(args, flag) {
		return args
	}
	return append([]string{flag, value}, args...)
}

func TestAllErrorsAreToldAtOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	require.NoError(t, os.Mkdir(s.path("folder"), 0o755))
	args := []string{
		"--every=-5s", "--work=-1s", "--restart-every", "1s", "--to", "a@example.com",
		"--lock", s.path("no/lock"), "--log", s.path("folder"), "-p", "/proc/pid", "--witness", s.path("folder"),
	}
	for _, args := range [][]string{args, append(args, "-d")} {
		got := s.run(args...)
		require.Equal(t, 1, got.code)
		require.Empty(t, got.out)
		lines := strings.Split(strings.TrimSpace(got.err), "\n")
		require.Equal(t, "drill: 8 problems:", lines[0])
		require.Len(t, lines, 9)
		for i, text := range []string{"--every", "--restart-every", "--to", "--work", "PID file", "log file", "lock", "--witness"} {
			require.True(t, strings.HasPrefix(lines[i+1], "  "), lines[i+1])
			require.Contains(t, got.err, text)
		}
		require.Equal(t, []string{"folder"}, s.files())
	}
}

func TestHelpAndInstructionsTouchNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, flag := range []string{"-H", "--help"} {
		got := s.run(flag)
		require.Zero(t, got.code)
		require.Empty(t, got.err)
		for _, text := range []string{"--every", "--witness", "-d, --", "-v, --", "-p, --", "-s, --", "-i, --"} {
			require.Contains(t, got.out, text)
		}
	}
	got := s.run("-i")
	require.Zero(t, got.code)
	require.Contains(t, got.out, "To install drill:\n  1. ")
	require.Empty(t, s.files())
	require.NoFileExists(t, s.path("drill.lock"))
}
