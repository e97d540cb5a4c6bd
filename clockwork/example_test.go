package clockwork_test

import (
	"fmt"
	"time"

	"github.com/evertick/evertick/clockwork"
)

// An iteration that takes 12 seconds costs the two ticks that it missed. The next
// one starts at once, and the grid is met again after it.
func ExampleSchedule() {
	start := time.Date(2026, time.March, 4, 12, 0, 0, 0, time.UTC)
	schedule := clockwork.NewSchedule(clockwork.Pacing{Interval: 5 * time.Second}, start, start)

	for _, took := range []time.Duration{time.Second, 12 * time.Second, time.Second} {
		now := schedule.Next()
		schedule.Begin(now, false)
		missed := schedule.End(now.Add(took))
		fmt.Println(now.Format(time.TimeOnly), "takes", took, "and misses", missed)
	}
	fmt.Println(schedule.Next().Format(time.TimeOnly))
	// Output:
	// 12:00:00 takes 1s and misses 0
	// 12:00:05 takes 12s and misses 2
	// 12:00:17 takes 1s and misses 0
	// 12:00:20
}

// The pause doubles up to its limit, give or take 10 %.
func ExampleBackoff() {
	for n := range 4 {
		pause := clockwork.Backoff(2*time.Second, 10*time.Second, n, "poller", "db1")
		fmt.Println(pause.Round(2 * time.Second))
	}
	// Output:
	// 2s
	// 4s
	// 8s
	// 10s
}

// An iteration that takes 12 seconds misses two ticks of a grid of 5 seconds
// and shifts none.
func ExampleGrid() {
	grid := clockwork.Grid{
		First:    time.Date(2026, time.March, 4, 12, 0, 0, 0, time.UTC),
		Interval: 5 * time.Second,
	}
	done := grid.At(3).Add(12 * time.Second)

	next := grid.Next(done)
	fmt.Println("tick", next, "at", grid.At(next).Format(time.TimeOnly))
	fmt.Println("missed", next-3-1)
	// Output:
	// tick 6 at 12:00:30
	// missed 2
}

// A grid on the round numbers of the wall clock.
func ExampleAligned() {
	wall := time.Date(2026, time.March, 4, 8, 12, 44, 0, time.UTC)

	fmt.Println(clockwork.Aligned(wall, 5*time.Second).Format(time.TimeOnly))
	fmt.Println(clockwork.Aligned(wall, time.Hour).Format(time.TimeOnly))
	// Output:
	// 08:12:45
	// 09:00:00
}
