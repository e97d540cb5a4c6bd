package daemontest

import (
	"cmp"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/daemontest/internal/timeline"
)

// Golden wants the timeline to be that of testdata/name.golden. The flag
// -daemontest.update rewrites the file; look at the difference as at code. With
// Scenario.Orders the one file is that of every seed: it is written for the
// first, and the others are compared with it.
//
// Folders of the machine that the test runs on are $HOME, $PWD, $RUNTIME (that
// of core.RuntimePath) and $TMPDIR in the file.
func Golden(name string) Expectation {
	return func(r *Result) *miss {
		path := filepath.Join("testdata", name+".golden")
		got := withoutMachine(r.Timeline())
		if *updateFlag && r.order == 0 {
			if err := os.MkdirAll("testdata", 0o755); err != nil {
				return missed(nil, "golden timeline: %v", err)
			}
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				return missed(nil, "golden timeline: %v", err)
			}
			return nil
		}
		want, err := os.ReadFile(path)
		if err != nil {
			return missed(nil, "golden timeline: %v; run the test with -daemontest.update to write it", err)
		}
		if string(want) == got {
			return nil
		}
		line, inFile, inPlay := timeline.Difference(string(want), got)
		cure := "Run the test with -daemontest.update if it should be as it is now."
		if r.order > 0 {
			cure = "One file cannot hold the timelines of several seeds: leave Orders or Golden out."
		}
		return missed(nil, "want the timeline of %s, got another one from line %d on:\n  want: %s\n  got:  %s\n%s",
			path, line, cmp.Or(inFile, "(the end)"), cmp.Or(inPlay, "(the end)"), cure)
	}
}

// withoutMachine replaces the folders of this machine in a text.
func withoutMachine(text string) string {
	wd, _ := os.Getwd()
	home, _ := os.UserHomeDir()
	for _, folder := range []struct{ path, name string }{
		{strings.TrimSuffix(core.RuntimePath("x"), "x"), "$RUNTIME/"},
		{wd, "$PWD"},
		{home, "$HOME"},
		{filepath.Clean(os.TempDir()), "$TMPDIR"},
	} {
		text = replacePath(text, folder.path, folder.name)
	}
	return text
}

// replacePath replaces a folder in a text wherever it is a whole path or the
// beginning of one. A folder right below the root may be anybody's word, and
// stays, unless something below it is named.
func replacePath(text, folder, name string) string {
	if len(folder) < 2 {
		return text
	}
	var b strings.Builder
	for {
		before, after, found := strings.Cut(text, folder)
		b.WriteString(before)
		if !found {
			return b.String()
		}
		whole := strings.HasSuffix(folder, "/") || strings.HasSuffix(folder, "-") || strings.HasPrefix(after, "/") ||
			strings.Count(folder, "/") > 1 && strings.IndexFunc(after, isNameRune) != 0
		if last, _ := utf8.DecodeLastRuneInString(before); whole && last != '/' && !isNameRune(last) {
			b.WriteString(name)
		} else {
			b.WriteString(folder)
		}
		text = after
	}
}

// isNameRune reports whether a name of a file goes on with r.
func isNameRune(r rune) bool {
	return r == '_' || r == '-' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
}
