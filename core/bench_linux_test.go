package core_test

import (
	"context"
	"os"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evertick/evertick/core"
)

// BenchmarkPunctuality is how late the ticks of a daemon start, beside those of a
// grid of time.Sleep and those of a bare timerfd. They take turns, so that the
// ratios hold on a busy machine, too.
func BenchmarkPunctuality(b *testing.B) {
	const turns, ticks, interval = 8, 50, 50 * time.Millisecond
	for range b.N {
		late := map[string][]time.Duration{}
		for range turns {
			late["daemon"] = append(late["daemon"], daemonTicks(b, ticks, interval)...)
			late["sleep"] = append(late["sleep"], bareTicks(ticks, interval)...)
			late["timerfd"] = append(late["timerfd"], timerfdTicks(b, ticks, interval)...)
		}
		p50, p99 := map[string]float64{}, map[string]float64{}
		for who, late := range late {
			slices.Sort(late)
			p50[who], p99[who] = micros(late[len(late)/2]), micros(late[len(late)*99/100])
			b.ReportMetric(p50[who], who+"-p50-µs")
			b.ReportMetric(p99[who], who+"-p99-µs")
		}
		b.ReportMetric(p50["daemon"]/p50["sleep"], "p50-ratio")
		b.ReportMetric(p99["daemon"]/p99["sleep"], "p99-ratio")
	}
}

// BenchmarkMissed is how many of 10,000 ticks of a millisecond a daemon misses, and
// a bare timerfd beside it.
func BenchmarkMissed(b *testing.B) {
	const turns, ticks, interval = 10, 1000, time.Millisecond
	for range b.N {
		missed := map[string]int64{}
		for range turns {
			missed["daemon"] += ticks - iterations(b, ticks, interval)
			missed["timerfd"] += ticks - int64(len(timerfdTicks(b, ticks, interval)))
		}
		for who, n := range missed {
			b.ReportMetric(float64(n), who+"-missed")
		}
	}
}

// iterations is how many iterations a daemon starts in a number of ticks.
func iterations(b *testing.B, ticks int64, interval time.Duration) (n int64) {
	d := core.New("bench", quiet(), core.Every(interval), core.MissedTicks(core.Skip),
		core.Execute(func(_ context.Context, d *core.Daemon) error {
			n = d.Iteration()
			if n+d.Stats().Missed >= ticks {
				d.Stop("enough")
			}
			return nil
		}))
	d.Run(b.Context())
	return n
}

// timerfdTicks is the least that a punctual loop on Linux can be made of. It
// skips the ticks that it misses.
func timerfdTicks(b *testing.B, ticks int, interval time.Duration) []time.Duration {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		b.Fatal(err)
	}
	file := os.NewFile(uintptr(fd), "timerfd")
	defer file.Close()
	first := time.Now() // before the kernel's reading, so that no tick is early by ours
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		b.Fatal(err)
	}
	zero := time.Duration(now.Nano())
	late := make([]time.Duration, 0, ticks)
	for n := 0; n < ticks; n = int(time.Since(first)/interval) + 1 {
		due := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(zero + time.Duration(n)*interval))}
		if err := unix.TimerfdSettime(fd, unix.TFD_TIMER_ABSTIME, &due, nil); err != nil {
			b.Fatal(err)
		}
		if _, err := file.Read(make([]byte, 8)); err != nil {
			b.Fatal(err)
		}
		late = append(late, time.Since(first)-time.Duration(n)*interval)
	}
	return late
}
