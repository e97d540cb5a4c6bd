package retain_test

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/logfile"
	"github.com/evertick/evertick/logfile/retain"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// site is a folder with the file that is written.
func site(t *testing.T, name func(dir string) logfile.Name) logfile.Site {
	dir := t.TempDir()
	s := logfile.Site{Daemon: "poller", Wall: noon, Boot: time.Hour}
	s.Base = func(wall time.Time) string { return filepath.Base(name(dir)(wall)) }
	s.Path = filepath.Join(dir, s.Base(noon))
	put(t, s, filepath.Base(s.Path), "poller")
	return s
}

func fixed(dir string) logfile.Name { return logfile.Fixed(filepath.Join(dir, "poller.log")) }

// put makes a file as a daemon makes it.
func put(t *testing.T, s logfile.Site, name, daemon string) {
	t.Helper()
	text := "[2026-11-20 00:00:00] 1 Log Opened: " + daemon + " on web1\nline\n"
	path := filepath.Join(filepath.Dir(s.Path), name)
	file, err := os.Create(path)
	require.NoError(t, err)
	var w io.WriteCloser = file
	if strings.HasSuffix(name, ".gz") {
		w = gzip.NewWriter(file)
		defer file.Close()
	}
	_, err = io.WriteString(w, text)
	require.NoError(t, err)
	require.NoError(t, w.Close())
}

func names(t *testing.T, s logfile.Site) (found []string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(s.Path))
	require.NoError(t, err)
	for _, e := range entries {
		found = append(found, e.Name())
	}
	slices.Sort(found)
	return found
}

func days(from, to int) (found []string) {
	for d := from; d <= to; d++ {
		found = append(found, fmt.Sprintf("2026-11-%02d.log", d))
	}
	return found
}

func TestRulesOfDays(t *testing.T) {
	for _, c := range []struct {
		name  string
		rules retain.Rules
		stay  []string
		said  string
	}{
		{"no rule", retain.Rules{}, days(14, 23), ""},
		{"a number", retain.Rules{Files: 3}, days(21, 23), "2026-11-14.log (more than 3 files), "},
		{"one", retain.Rules{Files: 1}, days(23, 23), "2026-11-22.log (more than 1 files)"},
		{"as many as there are", retain.Rules{Files: 10}, days(14, 23), ""},
		{"an age", retain.Rules{Age: 48 * time.Hour}, days(21, 23), "2026-11-20.log (older than 48h0m0s)"},
		{"an age to the hour", retain.Rules{Age: 60 * time.Hour}, days(20, 23), ""},
		{"no free disk", retain.Rules{MinFree: 1 << 60}, days(23, 23), "2026-11-22.log (less than 1152921504606846976 bytes free)"},
		{"enough free disk", retain.Rules{MinFree: 1}, days(14, 23), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := site(t, logfile.Daily)
			for _, name := range days(14, 22) {
				put(t, s, name, "poller")
			}
			require.NoError(t, retain.New(c.rules).Check())
			lines := strings.Join(retain.New(c.rules).Clean(t.Context(), s), "\n")
			assert.Equal(t, c.stay, names(t, s))
			assert.Contains(t, lines, c.said)
			assert.Equal(t, len(c.stay) == 10, lines == "")
		})
	}
}

// Whatever the rules, what is not the daemon's own stays, and so does the file that
// is written.
func TestForeignFilesStay(t *testing.T) {
	for name, base := range map[string]func(string) logfile.Name{"daily": logfile.Daily, "fixed": fixed} {
		t.Run(name, func(t *testing.T) {
			s := site(t, base)
			dir := filepath.Dir(s.Path)
			own := "2026-11-20.log"
			foreign := []string{
				"2026-11-19.log.bak", "x2026-11-19.log", "2026-11-19.txt", "2026-11-19.0.log", "2026-11-19.-1.log", "2026-11-19.01.log",
				"2026-11-31.log", "notes", "poller.2026-11-19.log", "poller.2026-11-19.1.log.old", "2026-11-19.1.2.log", "other.2026-11-19.1.log",
				"poller.2026-11-19.1.log.gz.part",
			}
			if name == "fixed" {
				own = "poller.2026-11-20.1.log"
				foreign = append(foreign, "2026-11-19.log")
			}
			for _, f := range foreign {
				put(t, s, f, "poller")
			}
			other := strings.Replace(own, "-20", "-18", 1)
			put(t, s, other, "poller2")
			headless := strings.Replace(own, "-20", "-17", 1)
			require.NoError(t, os.WriteFile(filepath.Join(dir, headless), []byte("a line\n"), 0o644))
			linked := strings.Replace(own, "-20", "-16", 1)
			put(t, s, linked, "poller")
			require.NoError(t, os.Link(filepath.Join(dir, linked), filepath.Join(dir, "second-name")))
			link := strings.Replace(own, "-20", "-15", 1)
			require.NoError(t, os.Symlink("notes", filepath.Join(dir, link)))
			require.NoError(t, os.Mkdir(filepath.Join(dir, strings.Replace(own, "-20", "-14", 1)), 0o755))
			notGzip := strings.Replace(own, "-20", "-13", 1) + ".gz"
			require.NoError(t, os.WriteFile(filepath.Join(dir, notGzip), []byte("Log Opened: poller on web1\n"), 0o644))
			before := names(t, s)
			put(t, s, own, "poller")
			c := retain.New(retain.Rules{Files: 1, Age: 1, MinFree: 1 << 60, Compress: true})
			require.Len(t, c.Clean(t.Context(), s), 1)
			require.Equal(t, before, names(t, s))
			require.Empty(t, c.Clean(t.Context(), s))
		})
	}
}

// A step of the wall clock deletes nothing by age for a day.
func TestASteppedClockDeletesNothingByAge(t *testing.T) {
	s := site(t, logfile.Daily)
	put(t, s, "2026-11-22.log", "poller")
	c := retain.New(retain.Rules{Age: 48 * time.Hour})
	require.Empty(t, c.Clean(t.Context(), s))
	for _, hours := range []int{0, 1, 23} {
		later := s
		later.Wall = s.Wall.AddDate(10, 0, 0).Add(time.Duration(hours) * time.Hour)
		later.Boot += time.Duration(hours) * time.Hour
		require.Empty(t, c.Clean(t.Context(), later))
	}
	later := s
	later.Wall, later.Boot = s.Wall.AddDate(10, 0, 1), s.Boot+24*time.Hour
	require.Len(t, c.Clean(t.Context(), later), 1)
}

func TestCompression(t *testing.T) {
	s := site(t, logfile.Daily)
	dir := filepath.Dir(s.Path)
	put(t, s, "2026-11-20.log", "poller")
	put(t, s, "2026-11-21.1.log", "poller")
	require.NoError(t, os.Chmod(filepath.Join(dir, "2026-11-20.log"), 0o600))
	put(t, s, "2026-11-20.log.gz.part", "poller") // of a process that was killed
	put(t, s, "2026-11-21.1.log.gz", "poller")    // of one that was killed a little later
	want, err := os.ReadFile(filepath.Join(dir, "2026-11-20.log"))
	require.NoError(t, err)

	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	c := retain.New(retain.Rules{Compress: true})
	before := names(t, s)
	require.Empty(t, c.Clean(cancelled, s))
	require.Equal(t, before, names(t, s))

	require.Empty(t, c.Clean(t.Context(), s))
	require.Equal(t, []string{"2026-11-20.log.gz", "2026-11-21.1.log.gz", "2026-11-23.log"}, names(t, s))
	file, err := os.Open(filepath.Join(dir, "2026-11-20.log.gz"))
	require.NoError(t, err)
	defer file.Close()
	info, err := file.Stat()
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode())
	r, err := gzip.NewReader(file)
	require.NoError(t, err)
	got, err := io.ReadAll(r)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got))

	// What cannot be compressed is said once.
	put(t, s, "2026-11-22.log", "poller")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "2026-11-22.log.gz"), nil, 0o644))
	require.Len(t, c.Clean(t.Context(), s), 1)
	require.Empty(t, c.Clean(t.Context(), s))
	require.Contains(t, names(t, s), "2026-11-22.log")
}

// A step of the clock may have the log write to an old file again: while it is
// compressed, or before it is deleted. Nothing of it is lost.
func TestAFileThatTheLogComesBackTo(t *testing.T) {
	for _, c := range []struct {
		name  string
		comes func(path string) (open string, err error) // before the last look
		left  string                                     // how the old file ends then
	}{
		{"not at all", func(string) (string, error) { return "", nil }, ""},
		{"and writes", func(path string) (string, error) { return path, nil }, "line\n"},
		{"wrote", func(path string) (string, error) {
			file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
			if err != nil {
				return "", err
			}
			_, err = file.WriteString("more")
			return "", errors.Join(err, file.Close())
		}, "more"},
		{"and set it aside", func(path string) (string, error) {
			return "", errors.Join(os.Rename(path, path+".moved"), os.WriteFile(path, []byte("new"), 0o644))
		}, "new"},
		{"and it is gone", func(path string) (string, error) { return "", os.Remove(path) }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := site(t, logfile.Daily)
			put(t, s, "2026-11-20.log", "poller")
			old := filepath.Join(filepath.Dir(s.Path), "2026-11-20.log")
			s.Hold = func(f func(path string)) {
				open, err := c.comes(old)
				require.NoError(t, err)
				f(open)
			}
			require.Empty(t, retain.New(retain.Rules{Compress: true}).Clean(t.Context(), s))
			text, err := os.ReadFile(old)
			require.Equal(t, c.left == "", errors.Is(err, os.ErrNotExist))
			require.True(t, strings.HasSuffix(string(text), c.left), "%q", text)
			require.Equal(t, c.name == "not at all", slices.Contains(names(t, s), "2026-11-20.log.gz"))
			require.NotContains(t, names(t, s), "2026-11-20.log.gz.part")
		})
	}
	s := site(t, logfile.Daily)
	put(t, s, "2026-11-20.log", "poller")
	put(t, s, "2026-11-21.log", "poller")
	s.Hold = func(f func(path string)) { f(filepath.Join(filepath.Dir(s.Path), "2026-11-20.log")) }
	require.Len(t, retain.New(retain.Rules{Files: 1}).Clean(t.Context(), s), 1)
	require.Equal(t, []string{"2026-11-20.log", "2026-11-23.log"}, names(t, s))
}

// A day that comes twice does not replace what is compressed of the first time.
func TestADayThatComesTwice(t *testing.T) {
	s := site(t, logfile.Daily)
	put(t, s, "2026-11-20.log.gz", "poller")
	path := filepath.Join(filepath.Dir(s.Path), "2026-11-20.log")
	require.NoError(t, os.WriteFile(path, []byte("Log Opened: poller on web1\nsecond\n"), 0o644))
	require.Empty(t, retain.New(retain.Rules{Compress: true}).Clean(t.Context(), s))
	require.Equal(t, []string{"2026-11-20.1.log.gz", "2026-11-20.log.gz", "2026-11-23.log"}, names(t, s))
	require.Equal(t, "second", linesOf(t, filepath.Join(filepath.Dir(s.Path), "2026-11-20.1.log.gz"))[1])
	require.Equal(t, "line", linesOf(t, path+".gz")[1])
}

func TestFilesAreSetAside(t *testing.T) {
	for _, c := range []struct {
		name func(string) logfile.Name
		want []string
	}{
		{logfile.Daily, []string{"2026-11-23.1.log", "2026-11-23.2.log.gz", "2026-11-23.3.log"}},
		{fixed, []string{"poller.2026-11-23.1.log", "poller.2026-11-23.2.log.gz", "poller.2026-11-23.3.log"}},
	} {
		s := site(t, c.name)
		cleaner := retain.New(retain.Rules{MaxSize: 1})
		require.False(t, cleaner.Full(1))
		require.True(t, cleaner.Full(2))
		require.False(t, retain.New(retain.Rules{}).Full(1<<60))
		require.NoError(t, cleaner.SetAside(s))
		put(t, s, c.want[1], "poller")
		put(t, s, filepath.Base(s.Path), "poller")
		require.NoError(t, cleaner.SetAside(s))
		require.Equal(t, c.want, names(t, s))
		require.ErrorIs(t, cleaner.SetAside(s), os.ErrNotExist)
		require.Equal(t, c.want, names(t, s))
	}
}

// What cannot be deleted saves nothing else, and is said once.
func TestAFileThatCannotBeDeleted(t *testing.T) {
	s := site(t, logfile.Daily)
	for _, name := range days(19, 22) {
		put(t, s, name, "poller")
	}
	first := filepath.Join(filepath.Dir(s.Path), "2026-11-19.log")
	s.Hold = func(f func(path string)) {
		if os.Remove(first) == nil { // what comes in its place has a file in it
			require.NoError(t, os.MkdirAll(filepath.Join(first, "x"), 0o755))
		}
		f("")
	}
	c := retain.New(retain.Rules{Files: 2, Compress: true})
	lines := c.Clean(t.Context(), s)
	require.Len(t, lines, 2)
	require.Contains(t, lines[0], "deleted 2026-11-20.log (more than 2 files), 2026-11-21.log")
	require.Contains(t, lines[1], "remove "+first)
	require.Equal(t, []string{"2026-11-19.log", "2026-11-22.log.gz", "2026-11-23.log"}, names(t, s))
}

func TestNegativeRulesAreRefused(t *testing.T) {
	for _, r := range []retain.Rules{{Files: -1}, {Age: -1}, {MaxSize: -1}, {MinFree: -1}} {
		require.ErrorContains(t, retain.New(r).Check(), "give 0 for no limit")
	}
}
