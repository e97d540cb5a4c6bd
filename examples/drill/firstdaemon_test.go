package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var (
	// block is a code block of docs/first-daemon.md; one of Go is a file.
	block = regexp.MustCompile("(?:<!-- file: (\\S+) -->\n)?```(go|console)\n((?s:.*?))```\n")

	// varying is what differs each time: numbers, times, the machine's name.
	varying = regexp.MustCompile(`\d[\d.:]*(?:ms|µs|s\b)?(?:-\d\d-\d\d)?| on \S+`)

	// busy is what a daemon says on a machine that has too much to do: that an
	// iteration takes long, and that a stop waits for it.
	busy = regexp.MustCompile(`\. Waiting up to .*|(?m:^.*(?:Run Loop|Warning: Missed) .*\n)`)
)

// What docs/first-daemon.md says is what happens.
func TestTheFirstDaemon(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	page, err := os.ReadFile(filepath.Join(root, "docs", "first-daemon.md"))
	require.NoError(t, err)
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	f := firstDay{T: t, root: root, dir: filepath.Join(dir, "hello")}
	t.Cleanup(func() { // should it still run
		if _, err := os.Stat(filepath.Join(f.dir, "hello.pid")); err == nil {
			f.runs("./hello -s stop -p hello.pid")
		}
	})
	blocks := block.FindAllStringSubmatch(string(page), -1)
	require.Len(t, blocks, 7)
	for _, b := range blocks {
		if name, kind, text := b[1], b[2], b[3]; kind == "go" {
			require.NoError(t, os.WriteFile(filepath.Join(f.dir, name), []byte(text), 0o644))
		} else {
			f.plays(text)
		}
	}
}

// firstDay is the folder of the page's reader.
type firstDay struct {
	*testing.T
	root, dir string
}

// plays runs the commands of a block and compares what they print.
func (f firstDay) plays(text string) {
	f.Helper()
	for _, part := range strings.Split("\n"+text, "\n$ ")[1:] {
		command, want, _ := strings.Cut(strings.TrimSuffix(part, "\n"), "\n")
		switch {
		case strings.HasPrefix(command, "mkdir "):
			require.NoError(f, os.Mkdir(f.dir, 0o755))
			continue
		case strings.HasPrefix(command, "go get "): // this repository is what there is
			sum, err := os.ReadFile(filepath.Join(f.root, "go.sum"))
			require.NoError(f, err)
			require.NoError(f, os.WriteFile(filepath.Join(f.dir, "go.sum"), sum, 0o644))
			command = "go mod edit -require=github.com/evertick/evertick@v0.0.0 -replace=github.com/evertick/evertick=" + f.root
		}
		got := strings.ReplaceAll(strings.TrimSuffix(f.runs(command), "\n"), f.dir, "/home/ann/hello")
		require.Equal(f, same(want), same(got), "$ %s\n%s", command, got)
	}
}

// same returns a text with what differs each time taken out, and with one of
// several lines that are then equal: how many beats there are is up to the machine.
func same(text string) string {
	text = busy.ReplaceAllString(text, "")
	return strings.Join(slices.Compact(strings.Split(varying.ReplaceAllString(text, "#"), "\n")), "\n")
}

// runs returns all that a command prints.
func (f firstDay) runs(command string) string {
	f.Helper()
	words := strings.Fields(command)
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.Dir = f.dir
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off", "GOPROXY=off", fmt.Sprintf("PWD=%s", f.dir))
	out, _ := cmd.CombinedOutput() // some of them are to fail
	return string(out)
}
