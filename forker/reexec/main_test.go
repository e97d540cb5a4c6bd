package reexec_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/evertick/evertick/forker/internal/roletest"
	"github.com/evertick/evertick/forker/reexec"
	"github.com/evertick/evertick/forker/reexec/reexectest"
)

func TestMain(m *testing.M) {
	roletest.Main(m, map[string]roletest.Role{
		"block":       func([]string) { roletest.Block() },
		"environment": func([]string) { fmt.Print(strings.Join(os.Environ(), "\n")) },
		"panic":       func([]string) { panic("boom") },
		"path":        func([]string) { fmt.Print(reexec.System(nil).Info().Executable) },
		"origin":      origin,

		// For Launch and Try.
		"ready": ready, "later": later, "refuse": refuse, "mute": mute, "flood": flood, "chatter": chatter,
		"yes": yes, "crash": crash, "hang": hang, "desert": desert, "trier": trier,

		// For Init.
		"under-init": underInit, "orphans": orphans,

		// For Exec.
		"chain": chain, "relay": relay, "stranded": stranded, "forgetful": forgetful, "upgrade": upgrade, "exhausted": exhausted, "breeder": breeder,

		// For Watch.
		"watched": watched,

		// For StartOf.
		"execs": execs,

		// For CrashTo.
		"last-words": lastWords,
	})
}

// program is the test binary in a role.
func program(role string, args ...string) reexec.Program {
	info := reexec.System(nil).Info()
	return reexec.Program{Path: info.Executable, Dir: info.Origin.Dir, Args: roletest.Args(role, args...)}
}

func TestOSConforms(t *testing.T) {
	reexectest.Run(t, reexectest.Subject{
		New: func(*testing.T) reexectest.Process {
			system := reexec.System(nil)
			return reexectest.Process{Info: system.Info(), Self: system, OtherPID: os.Getppid()}
		},
	})
}
