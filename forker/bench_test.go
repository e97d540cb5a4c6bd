package forker_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

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

// A call of a worker that is there, beside a fork in one run: at least 50 times
// as fast.
func BenchmarkWarmCall(b *testing.B) {
	group := new(forker.Group)
	defer group.Stop(b.Context())
	require.NoError(b, two.pool.Start(b.Context(), group))
	for b.Loop() {
		_, err := two.twice.Call(b.Context(), group, "x")
		require.NoError(b, err)
	}
	warm := b.Elapsed() / time.Duration(b.N)
	const forks = 100
	start := time.Now()
	for range forks {
		h, err := noop.Fork(group, none{})
		require.NoError(b, err)
		<-h.Done()
	}
	b.ReportMetric(float64(time.Since(start))/forks/float64(warm), "times-a-fork")
}

// The round trip of 1 MB through a worker, as JSON of a string.
func BenchmarkWarmMegabyte(b *testing.B) {
	group := new(forker.Group)
	defer group.Stop(b.Context())
	half := strings.Repeat("x", 1<<19)
	for b.Loop() {
		_, err := two.twice.Call(b.Context(), group, half)
		require.NoError(b, err)
	}
}

// What a worker costs that waits for calls: resident memory, of which most is
// the program's own file.
func BenchmarkIdleWorker(b *testing.B) {
	group := new(forker.Group)
	defer group.Stop(b.Context())
	for b.Loop() {
		require.NoError(b, one.pool.Start(b.Context(), group))
	}
	_, err := one.twice.Call(b.Context(), group, "x")
	require.NoError(b, err)
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", group.List()[0].PID))
	if err != nil {
		b.Skip("no /proc")
	}
	for line := range strings.Lines(string(text)) {
		name, rest, _ := strings.Cut(line, ":")
		var kB float64
		if n, _ := fmt.Sscan(rest, &kB); n == 1 && (name == "Rss" || name == "Pss" || name == "Private_Dirty") {
			b.ReportMetric(kB, name+"-kB")
		}
	}
}
