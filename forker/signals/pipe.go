package signals

import (
	"os"
	"os/signal"
	"sync"
	"syscall"
)

var catchBrokenPipe = sync.OnceFunc(func() { signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) })

// CatchBrokenPipe makes a write to a standard stream without a reader fail with
// EPIPE, from now on; by default the Go runtime then ends the process by
// SIGPIPE. Unlike signal.Ignore it leaves children, and the next program of this
// process, with the default. It may be called more than once.
func CatchBrokenPipe() { catchBrokenPipe() }
