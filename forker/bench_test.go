package forker_test

import (
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/forker"
	"github.com/evertick/evertick/forker/internal/roletest"
)

// A task that does nothing, forked and reaped.
func BenchmarkFork(b *testing.B) {
	group := new(forker.Group)
	for b.Loop() {
		h, err := noop.Fork(group, none{})
		require.NoError(b, err)
		<-h.Done()
	}
}

// The same binary, started and waited for by os/exec alone.
func BenchmarkBareExec(b *testing.B) {
	for b.Loop() {
		require.NoError(b, bare().Run())
	}
}

func bare() *exec.Cmd { return roletest.Command("nothing") }

// The round trip of 1 MB, as JSON of a string.
func BenchmarkMegabyte(b *testing.B) {
	group := new(forker.Group)
	p := pair{Bin: make([]byte, 3<<18)}
	for b.Loop() {
		h, err := echo.Fork(group, p)
		require.NoError(b, err)
		_, err = h.Wait(b.Context())
		require.NoError(b, err)
	}
}
