package core_test

import (
	"fmt"
	"time"

	"github.com/evertick/evertick/core"
)

// The log's name is asked again as time goes, so that it rotates by itself.
func ExampleDaily() {
	name := core.Daily("/var/log/poller")
	fmt.Println(name(time.Date(2026, 11, 23, 23, 59, 59, 0, time.UTC)))
	fmt.Println(name(time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)))
	// Output:
	// /var/log/poller/2026-11-23.log
	// /var/log/poller/2026-11-24.log
}
