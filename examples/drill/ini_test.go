//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// rewrite replaces a file as a whole, since the daemon may read it at any instant.
func (s *site) rewrite(name, text string) {
	s.Helper()
	s.write(name+".new", text, 0o644)
	require.NoError(s, os.Rename(s.path(name+".new"), s.path(name)))
}

// A configuration file has values for the standard flags. SIGHUP reads it again; one
// that is broken refuses the restart, and the daemon goes on with what it has read.
func TestAConfigurationFile(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.rewrite("drill.ini", "[daemon]\nevery = 50ms\nshutdown-timeout = 7s\n")
	args := []string{"-p", s.path("pid"), "--lock", s.path("lock"), "--log", s.path("log"), "--ini", s.path("drill.ini"), "--witness", s.path("witness")}
	pid := s.detach(args...)
	s.beats(3)
	dump := s.run("-s", "dump", "-p", s.path("pid"))
	require.Contains(t, dump.out, "50ms ("+s.path("drill.ini")+":2)")
	require.Contains(t, dump.out, "shutdown 7s ("+s.path("drill.ini")+":3)")

	s.rewrite("drill.ini", "[daemon]\nevry = 60ms\n")
	got := s.run("-s", "restart", "-p", s.path("pid"))
	require.Equal(t, 1, got.code, got.out)
	require.Contains(t, got.err, filepath.Base(s.path("drill.ini"))+":2: [daemon] evry is not known; did you mean every?")
	s.beats(3)

	s.rewrite("drill.ini", "[daemon]\nevery = 60ms\n")
	require.Zero(t, s.run("-s", "restart", "-p", s.path("pid")).code)
	s.beats(3)
	require.Contains(t, s.run("-s", "dump", "-p", s.path("pid")).out, "60ms ("+s.path("drill.ini")+":2)")
	require.Equal(t, fmt.Sprintf("drill: PID %d has stopped\n", pid), s.run("-s", "stop", "-p", s.path("pid")).out)
	s.requireEnd(0)
}

// What cannot be a configuration file is told with what to do, and nothing is
// touched.
func TestABadConfigurationFile(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	require.NoError(t, os.Mkdir(s.path("folder"), 0o755))
	require.NoError(t, syscall.Mkfifo(s.path("fifo"), 0o644))
	for name, text := range map[string]string{
		"unit": "[daemon]\nevery = 5\n", "twice": "[daemon]\nevery = 1s\nevery = 2s\n", "bytes": "[daemon]\n# \xff\nevery = 1s\xff\n",
		"bare": "[daemon]\nevery\n", "open": "[daemon\nevery = 1s\n", "wide": "\xff\xfe[\x00", "section": "[demon]\nevery = 1s\n",
		"url": "[daemon]\nalerts = smtp://u:s3cr3t@\nto = a@example.com\n", "address": "[daemon]\nalerts = smtp://localhost\nto = nobody\n",
		"secret": "[daemon]\nalerts = u:s3cr3t@localhost\n", "lock": "[daemon]\nlock = redis://x\n",
	} {
		s.write(name, text, 0o644)
	}
	s.write("marked", "\xef\xbb\xbf[daemon]\nevery = 1s\n", 0o644) // a byte-order mark is no mistake
	files := s.files()
	for name, want := range map[string]string{
		"no": "there is no such file: create it", "folder": "is a folder: name a file in it", "fifo": "is no regular file",
		"unit": `unit:2: every: "5" is no duration: give a number with its unit`, "twice": "twice:3: ", "bytes": "bytes:2: ", "bare": "bare:2: ",
		"open": "open:1: ", "wide": "is in UTF-16: save it as UTF-8", "section": "section:1: section [demon] is not known; did you mean [daemon]?",
		"url": "url:2: alerts: mail: SMTP URL without a host", "address": "nobody", "secret": "secret:2: alerts: mail: the address of the mail server must begin with",
		"lock": "lock:2: lock: ", "marked": "",
	} {
		got := s.run("--check", "--ini", s.path(name))
		require.NotContains(t, got.err, "s3cr3t")
		if want == "" {
			require.Zero(t, got.code, got.err)
			continue
		}
		require.Equal(t, 1, got.code, "%s: %s", name, got.out)
		require.Contains(t, got.err, want, name)
		require.Equal(t, files, s.files())
	}
}
