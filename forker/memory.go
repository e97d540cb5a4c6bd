package forker

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/evertick/evertick/clockwork"
)

// memoryPause is the time between two looks at the memory that a child has.
const memoryPause = 50 * time.Millisecond

// watchMemory ends this process once it has more memory of its own than allowed:
// for what no limit of the platform's counts. What is said then makes the error
// ErrMemory.
func watchMemory(limit int64) {
	clock := clockwork.Real()
	for {
		if has := ownMemory(); has > limit {
			fmt.Fprintf(os.Stderr, "out of memory: %d bytes are resident\n", has)
			os.Exit(2)
		}
		_ = clockwork.Sleep(context.Background(), clock, memoryPause)
	}
}
