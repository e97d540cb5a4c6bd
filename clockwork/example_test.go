package clockwork_test

import (
	"fmt"
	"time"

	"github.com/evertick/evertick/clockwork"
)

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
