package reexec

import "golang.org/x/sys/unix"

// Resident returns this process's resident memory in bytes, now and at its
// peak; 0 for what the platform cannot tell.
func Resident() (now, peak uint64) { return resident() }

// OOMKills returns the control group of this process that accounts for memory, and how
// many of its processes the kernel has killed for want of memory so far; an empty name
// where that cannot be told, which is everywhere but on Linux.
func OOMKills() (cgroup string, kills int64) { return oomKills() }

// peakUsage returns the most resident memory that this process has had, in the
// kernel's own unit.
func peakUsage() uint64 {
	var usage unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &usage) != nil {
		return 0
	}
	return uint64(usage.Maxrss)
}
