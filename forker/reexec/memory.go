package reexec

import "golang.org/x/sys/unix"

// Resident returns this process's resident memory in bytes, now and at its
// peak; 0 for what the platform cannot tell.
func Resident() (now, peak uint64) { return resident() }

// peakUsage returns the most resident memory that this process has had, in the
// kernel's own unit.
func peakUsage() uint64 {
	var usage unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &usage) != nil {
		return 0
	}
	return uint64(usage.Maxrss)
}
