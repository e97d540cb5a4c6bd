package retain_test

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/logfile"
	"github.com/evertick/evertick/logfile/retain"
)

// stepped is a clock whose wall time the test steps.
type stepped struct {
	clockwork.Clock
	by atomic.Int64
}

func (s *stepped) Wall() time.Time { return s.Clock.Wall().Add(time.Duration(s.by.Load())) }

// fillingDisk is the disk, with no space at times.
type fillingDisk struct {
	logfile.Files
	full *atomic.Bool
}

type fillingFile struct {
	logfile.File
	full *atomic.Bool
}

func (d fillingDisk) Append(path string) (logfile.File, error) {
	f, err := d.Files.Append(path)
	return fillingFile{f, d.full}, err
}

func (f fillingFile) Write(b []byte) (int, error) {
	if !f.full.Load() {
		return f.File.Write(b)
	}
	n, _ := f.File.Write(b[:len(b)/2])
	return n, syscall.ENOSPC
}

// A flood from several goroutines, with files that are set aside, compressed and
// rotated, a disk that is full at times, a wall clock that steps, and files of
// others: each line is there once, in its goroutine's order, and no foreign file has
// changed.
func TestAFloodLosesNoLine(t *testing.T) {
	var full atomic.Bool
	flood(t, t.TempDir(), fillingDisk{logfile.Disk(), &full}, full.Store)
}

// inTmpfs in the environment is a folder that is a small tmpfs.
const inTmpfs = "RETAIN_TEST_TMPFS"

// The same on a disk that is really full at times.
func TestAFloodOnAFullTmpfsLosesNoLine(t *testing.T) {
	if dir := os.Getenv(inTmpfs); dir != "" {
		flood(t, dir, logfile.Disk(), func(full bool) { fill(t, filepath.Join(dir, "fill"), full) })
		return
	}
	if os.Geteuid() != 0 {
		t.Skip("only root can mount")
	}
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "unshare", "-m", "--propagation", "private", "sh", "-ec",
		`mount -t tmpfs -o size=1m none "$1"; shift; exec "$@"`, "sh", dir, os.Args[0], "-test.v", "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), inTmpfs+"="+dir)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "--- PASS: "+t.Name())
	require.Contains(t, string(out), "the disk was full")
}

// fill writes to a file until the disk is full, or deletes it.
func fill(t *testing.T, path string, full bool) {
	if !full {
		require.NoError(t, os.Remove(path))
		return
	}
	file, err := os.Create(path)
	require.NoError(t, err)
	defer file.Close()
	for err == nil {
		_, err = file.Write(make([]byte, 4096))
	}
	require.ErrorIs(t, err, syscall.ENOSPC)
	t.Log("the disk was full")
}

// foreign are files of others beside the logs, by name; a content that begins with
// -> is a symbolic link.
var foreign = map[string]string{
	"2026-11-23.1.log.gz": "foreign", // in the way of one that is set aside
	"2001-01-02.log":      "no log",
	"2001-01-03.log.gz":   "no gzip",
	"2001-01-04.log":      "->notes.txt",
	"2001-01-05.log":      "Log Opened: other on web1\n",
	"notes.txt":           "Log Opened: poller on web1\n",
}

// flood floods a log in dir on a disk that full fills and empties.
func flood(t *testing.T, dir string, disk logfile.Files, full func(bool)) {
	const writers, lines = 4, 1500
	for name, text := range foreign {
		if to, link := strings.CutPrefix(text, "->"); link {
			require.NoError(t, os.Symlink(to, filepath.Join(dir, name)))
			continue
		}
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	clock := &stepped{Clock: clockwork.Real()}
	log := logfile.New(logfile.Config{Daemon: "poller", Host: "web1", Clock: clock, Files: disk})
	log.Configure(logfile.Settings{
		Name: logfile.Daily(dir), Silent: true,
		Cleaner: retain.New(retain.Rules{MaxSize: 10_000, Compress: true, Age: 30 * 24 * time.Hour}),
	})
	old := filepath.Join(dir, "2001-01-01.log")
	require.NoError(t, os.WriteFile(old, []byte("Log Opened: poller on web1\n"), 0o644))
	log.Open()
	require.Eventually(t, func() bool { // from now on a step of the clock is noticed
		_, err := os.Stat(old)
		return err != nil
	}, time.Minute, time.Millisecond)
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for n := range lines {
				log.Printf("line %d %d.", w, n)
				if w > 0 {
					continue
				}
				if n%300 == 280 || n%300 == 299 {
					full(n%300 == 280)
				}
				if n%100 == 99 { // to and fro by days
					clock.by.Store(int64(time.Duration(n%700-300) * time.Hour))
					log.Retry()
				}
			}
		})
	}
	all.Wait()
	clock.by.Store(0)
	log.Retry()
	require.Eventually(t, func() bool {
		zipped, err := filepath.Glob(filepath.Join(dir, "*.gz"))
		return err == nil && len(zipped) > 5
	}, time.Minute, time.Millisecond)
	log.Close()
	require.Empty(t, log.Held().Lines)
	requireForeign(t, dir)

	seen := map[string]int{}
	where := map[string][]string{}
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, f := range files {
		require.NotContains(t, f.Name(), ".part")
		for _, line := range linesOf(t, filepath.Join(dir, f.Name())) {
			_, text, ok := strings.Cut(line, " line ")
			if text, whole := strings.CutSuffix(text, "."); ok && whole { // a full disk cuts off
				seen[text]++
				where[text] = append(where[text], f.Name()+": "+line)
			}
		}
	}
	for w := range writers {
		for n := range lines {
			require.Equal(t, 1, seen[fmt.Sprint(w, " ", n)], "line %d of %d: %q", n, w, where[fmt.Sprint(w, " ", n)])
		}
	}
}

// requireForeign shows that the files of others are as they were, and deletes them.
func requireForeign(t *testing.T, dir string) {
	for name, text := range foreign {
		path := filepath.Join(dir, name)
		if to, link := strings.CutPrefix(text, "->"); link {
			got, err := os.Readlink(path)
			require.NoError(t, err)
			require.Equal(t, to, got)
		} else {
			got, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, text, string(got))
		}
		require.NoError(t, os.Remove(path))
	}
}

func linesOf(t *testing.T, path string) (lines []string) {
	file, err := os.Open(path)
	require.NoError(t, err)
	defer file.Close()
	var r io.Reader = file
	if strings.HasSuffix(path, ".gz") {
		r, err = gzip.NewReader(file)
		require.NoError(t, err, path)
	}
	text := bufio.NewScanner(r)
	for text.Scan() {
		lines = append(lines, text.Text())
	}
	require.NoError(t, text.Err())
	return lines
}
