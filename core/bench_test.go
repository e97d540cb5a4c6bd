package core_test

import (
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/core/host"
	"github.com/evertick/evertick/logfile"
)

// quiet is a real host whose standard output goes nowhere.
func quiet() core.Option {
	h := host.Real()
	h.Stdout = io.Discard
	return core.WithHost(h)
}

// BenchmarkEmptyIteration is the cost of the loop itself at interval 0.
func BenchmarkEmptyIteration(b *testing.B) {
	n := 0
	d := core.New("bench", quiet(), core.Every(0), core.Execute(func(_ context.Context, d *core.Daemon) error {
		if n++; n == b.N {
			d.Stop("enough")
		}
		return nil
	}))
	b.ReportAllocs()
	b.ResetTimer()
	d.Run(b.Context())
}

// BenchmarkDrift is 10,000 ticks of a millisecond, those that a machine which
// sleeps too long has missed included: how far the last one is from the first
// tick + n × interval, beside how late a tick usually is.
func BenchmarkDrift(b *testing.B) {
	const ticks, interval = 10_000, time.Millisecond
	for range b.N {
		var late []time.Duration
		var first time.Time
		d := core.New("bench", quiet(), core.Every(interval), core.MissedTicks(core.Skip),
			core.Execute(func(_ context.Context, d *core.Daemon) error {
				now, n := time.Now(), d.Iteration()-1+d.Stats().Missed
				if n == 0 {
					first = now
				}
				late = append(late, now.Sub(first.Add(time.Duration(n)*interval)))
				if n >= ticks {
					d.Stop("enough")
				}
				return nil
			}))
		d.Run(b.Context())
		b.ReportMetric(micros(late[len(late)-1]), "drift-µs")
		slices.Sort(late)
		b.ReportMetric(micros(late[len(late)/2]), "p50-µs")
		b.ReportMetric(float64(len(late)), "iterations")
	}
}

// daemonTicks is how late each tick of a daemon starts. Its grid stands on the wall
// clock's round numbers, so that it is known from outside: the first iteration is
// late, too.
func daemonTicks(b *testing.B, ticks int64, interval time.Duration) []time.Duration {
	late := make([]time.Duration, 0, ticks)
	var first time.Time
	d := core.New("bench", quiet(), core.Every(interval), core.FirstTick(core.AlignedToClock), core.MissedTicks(core.Skip),
		core.Execute(func(_ context.Context, d *core.Daemon) error {
			now := time.Now()
			if first.IsZero() {
				first = now.Add(-now.Sub(now.Truncate(interval)))
			}
			n := d.Iteration() - 1 + d.Stats().Missed
			late = append(late, now.Sub(first)-time.Duration(n)*interval)
			if n+1 >= ticks {
				d.Stop("enough")
			}
			return nil
		}))
	d.Run(b.Context())
	return late
}

// bareTicks is the least that a punctual loop can be made of.
func bareTicks(ticks int, interval time.Duration) []time.Duration {
	late := make([]time.Duration, 0, ticks)
	timer := time.NewTimer(0)
	defer timer.Stop()
	first := time.Now()
	for n := range ticks {
		at := first.Add(time.Duration(n) * interval)
		timer.Reset(time.Until(at))
		<-timer.C
		late = append(late, time.Since(at))
	}
	return late
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// BenchmarkLog is a log line to a file, by a daemon and by log/slog's own text
// handler.
func BenchmarkLog(b *testing.B) {
	b.Run("daemon", func(b *testing.B) {
		n := 0
		d := core.New("bench", quiet(),
			core.Every(0), core.WithLog(logfile.Fixed(filepath.Join(b.TempDir(), "log"))),
			core.Execute(func(_ context.Context, d *core.Daemon) error {
				d.Logf("fetched %d rows of %s", n, "orders")
				if n++; n == b.N {
					d.Stop("enough")
				}
				return nil
			}))
		b.ReportAllocs()
		b.ResetTimer()
		d.Run(b.Context())
	})
	b.Run("slog", func(b *testing.B) {
		f, err := os.OpenFile(filepath.Join(b.TempDir(), "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		if err != nil {
			b.Fatal(err)
		}
		defer f.Close()
		l := slog.New(slog.NewTextHandler(f, nil))
		b.ReportAllocs()
		b.ResetTimer()
		for n := range b.N {
			l.Info("fetched rows", "n", n, "of", "orders")
		}
	})
}
