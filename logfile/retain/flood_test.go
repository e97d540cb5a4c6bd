package retain_test

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"io"
	"os"
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
	const writers, lines = 4, 1500
	dir := t.TempDir()
	foreign := filepath.Join(dir, "2026-11-23.1.log.gz") // in the way
	require.NoError(t, os.WriteFile(foreign, []byte("foreign"), 0o644))
	clock := &stepped{Clock: clockwork.Real()}
	var full atomic.Bool
	log := logfile.New(logfile.Config{
		Daemon: "poller", Host: "web1", Clock: clock, Files: fillingDisk{logfile.Disk(), &full},
	})
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
				log.Printf("line %d %d", w, n)
				if w > 0 {
					continue
				}
				full.Store(n%300 > 280)
				if n%100 == 99 { // to and fro by days
					clock.by.Store(int64(time.Duration(n%700-300) * time.Hour))
					log.Retry()
				}
			}
		})
	}
	all.Wait()
	full.Store(false)
	clock.by.Store(0)
	log.Retry()
	require.Eventually(t, func() bool {
		zipped, err := filepath.Glob(filepath.Join(dir, "*.gz"))
		return err == nil && len(zipped) > 3
	}, time.Minute, time.Millisecond)
	log.Close()
	require.Empty(t, log.Held().Lines)

	content, err := os.ReadFile(foreign)
	require.NoError(t, err)
	require.Equal(t, "foreign", string(content))
	require.NoError(t, os.Remove(foreign))
	seen := map[string]int{}
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, f := range files {
		require.NotContains(t, f.Name(), ".part")
		for _, line := range linesOf(t, filepath.Join(dir, f.Name())) {
			if _, text, ok := strings.Cut(line, " line "); ok {
				seen[text]++
			}
		}
	}
	for w := range writers {
		for n := range lines {
			require.Equal(t, 1, seen[fmt.Sprint(w, " ", n)], "line %d of %d", n, w)
		}
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
