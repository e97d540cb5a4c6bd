package daemontest

import (
	"context"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/logfile"
)

// inTest runs f with a *testing.T, which Run needs.
func inTest(f func(t *testing.T)) (ok bool) {
	var once sync.Once // -count and -cpu hold for the test within, too
	return testing.RunTests(func(string, string) (bool, error) { return true, nil }, []testing.InternalTest{
		{Name: "bench", F: func(t *testing.T) { once.Do(func() { f(t) }) }},
	})
}

// plain is a daemon with nothing but its loop.
func plain(extra ...core.Option) *core.Daemon {
	return core.New("plain", append([]core.Option{
		core.Execute(func(context.Context, *core.Daemon) error { return nil }),
	}, extra...)...)
}

// lives measures whole lives of that many iterations, a second each.
func lives(b *testing.B, declare NewFunc, s Scenario, iterations int) {
	s.Steps = Steps{At(time.Duration(iterations)*time.Second-time.Millisecond, Signal(syscall.SIGTERM))}
	s.Options = append(s.Options, core.Every(time.Second))
	s.Want = Want{Iterations(iterations), Exit(0)}
	defer func(before int) { *checkFlag = before }(*checkFlag)
	*checkFlag = 1 // each life counts once
	b.ReportAllocs()
	ok := inTest(func(t *testing.T) {
		b.ResetTimer()
		for range b.N {
			Run(t, declare, s)
		}
		b.StopTimer()
	})
	if !ok {
		b.Fatal("the scenario failed")
	}
	b.ReportMetric(float64(iterations)*float64(b.N)/b.Elapsed().Seconds(), "iterations/s")
}

// The mark is 500,000 iterations a second, and a fifth of a second for a day.
func BenchmarkIterations(b *testing.B) {
	const iterations = 100_000
	b.Run("instantly", func(b *testing.B) { lives(b, plain, Scenario{Execute: Instantly()}, iterations) })
	b.Run("takes", func(b *testing.B) { lives(b, plain, Scenario{Execute: Takes(200 * time.Millisecond)}, iterations) })
	b.Run("own", func(b *testing.B) { lives(b, plain, Scenario{}, iterations) })
	b.Run("logs", func(b *testing.B) {
		logs := Does(func(_ context.Context, d *core.Daemon) error {
			d.Logf("fetched %d rows", d.Iteration())
			return nil
		})
		logFile := core.WithLog(logfile.Fixed("plain.log"))
		lives(b, plain, Scenario{Execute: logs, Options: []core.Option{logFile}}, iterations)
	})
}

func BenchmarkDay(b *testing.B) { lives(b, poller, Scenario{Execute: Instantly()}, 24*60*60) }

// A small scenario is what most tests are made of.
func BenchmarkScenario(b *testing.B) { lives(b, poller, Scenario{Execute: Instantly()}, 10) }
