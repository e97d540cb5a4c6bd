package forker_test

import (
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/forker"
	"github.com/evertick/evertick/forker/forktest"
)

func TestMachineConforms(t *testing.T) {
	forktest.Run(t, func(t *testing.T) forktest.World {
		m := forker.System()
		return forktest.World{
			Processes: m,
			Signals:   m,
			Raise: func(sig os.Signal) {
				require.NoError(t, syscall.Kill(os.Getpid(), sig.(syscall.Signal)))
			},
			Other: func() forktest.Party { return startParty(t) },
			Dir:   t.TempDir(),
			Files: realFiles{},
		}
	})
}
