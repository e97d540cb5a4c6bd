package lock

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/internal/safefile"
)

// A holder has the lock an instant before its details are written, so a loser
// looks again, with pauses that grow from the first to the last. Whether an owner
// on another host is alive cannot be told, so there the last pause is shorter.
const (
	firstPause       = time.Millisecond
	lastPause        = 32 * time.Millisecond
	lastPauseOffHost = 4 * time.Millisecond
)

// holderOf reads who holds the lock on file; the zero value when that cannot be
// told. Right after a change of owners the file may still name nobody, or the
// previous owner, who may be dead: when none else is named in time, named is
// false.
func (f FileLock) holderOf(ctx context.Context, file *os.File, host string) (who Owner, named bool) {
	var last details
	for pause := firstPause; pause <= lastPause; pause *= 2 {
		if d, err := readDetails(file); err == nil {
			last = d
		}
		foreign := last.PID > 0 && last.Host != host
		if !foreign && last.PID > 0 && f.alive(last.PID) || foreign && pause > lastPauseOffHost {
			return last.Owner, true
		}
		if clockwork.Sleep(ctx, f.clock, pause) != nil {
			break
		}
	}
	if last.PID <= 0 {
		return Owner{}, false
	}
	return last.Owner, false
}

// Look reads who holds the lock, as the file says. It does not ask the kernel,
// because that would keep others for an instant from taking the lock.
func (f FileLock) Look(ctx context.Context) error {
	if ctx.Err() != nil {
		return fmt.Errorf("lock: look at %s: %w", f, context.Cause(ctx))
	}
	file, err := safefile.Open(f.path, os.O_RDONLY, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("lock: look at %s: %w", f, err)
	}
	defer func() { _ = file.Close() }()
	d, err := readDetails(file)
	switch {
	case err != nil:
		return fmt.Errorf("lock: look at %s: %w", f, err)
	case d.PID <= 0:
		return nil
	}
	return &HeldError{Lock: f.String(), Holder: d.Owner}
}

// Processes is the processes among which lock files name their holders.
type Processes interface {
	// Alive reports whether there is a process of that number.
	Alive(pid int) bool
}

func (f FileLock) alive(pid int) bool {
	if f.among != nil {
		return f.among.Alive(pid)
	}
	return !errors.Is(unix.Kill(pid, 0), unix.ESRCH)
}
