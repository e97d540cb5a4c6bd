package reexec_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/forker/internal/roletest"
	"github.com/evertick/evertick/forker/reexec"
	"github.com/evertick/evertick/forker/signals"
)

// lastWords panics, as args[0] says, at once or in the next program, with its crash
// output in file args[1], which replaces args[2] as rotation does.
func lastWords(args []string) {
	system := reexec.System(nil)
	if system.Info().Origin.Kind == reexec.Fresh && args[0] != "unset" {
		stderr := strings.HasPrefix(args[0], "stderr")
		roletest.Must(system.CrashTo(args[2], stderr))
		roletest.Must(system.CrashTo(args[1], stderr))
		if strings.HasSuffix(args[0], "ended") {
			roletest.Must(system.CrashTo("", false))
		}
		if strings.HasSuffix(args[0], "exec") {
			signals.System().Quiesce(syscall.SIGHUP)
			roletest.Must(system.Exec(program("last-words", args...)))
		}
	}
	panic("out of luck")
}

// What the Go runtime prints at a crash is in the file that was named last, once, and
// on standard error, which may be that file; in the next program, too.
func TestWhatIsPrintedAtACrashReachesAFile(t *testing.T) {
	for how, want := range map[string]struct{ inFile, onStderr int }{
		"unset":       {0, 1},
		"file":        {1, 1},
		"file ended":  {0, 1},
		"file exec":   {1, 1},
		"stderr":      {1, 0},
		"stderr exec": {1, 0},
	} {
		t.Run(how, func(t *testing.T) {
			dir := t.TempDir()
			file, before := filepath.Join(dir, "log"), filepath.Join(dir, "log.1")
			for _, name := range []string{file, before} {
				require.NoError(t, os.WriteFile(name, []byte("line\n"), 0o600))
			}
			cmd := roletest.Command("last-words", how, file, before)
			var stderr strings.Builder
			cmd.Stderr = &stderr
			require.EqualError(t, cmd.Run(), "exit status 2")
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			require.True(t, strings.HasPrefix(string(text), "line\n"))
			require.Equal(t, want.inFile, strings.Count(string(text), "panic: out of luck\n"))
			require.Equal(t, want.inFile, strings.Count(string(text), "goroutine 1 "))
			require.Equal(t, want.onStderr, strings.Count(stderr.String(), "panic: out of luck\n"))
			old, err := os.ReadFile(before)
			require.NoError(t, err)
			require.Equal(t, "line\n", string(old))
		})
	}
}

func TestACrashOutputThatCannotBeOpened(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none")
	err := reexec.System(nil).CrashTo(path, false)
	require.ErrorContains(t, err, "crash output to "+path)
	require.NoFileExists(t, path)
}
