package reexec

import (
	"os"
	"strconv"
	"strings"
)

// resident reads the kernel's account of this process.
func resident() (now, peak uint64) {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, peakUsage() << 10
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			now = kilobytes(rest)
		}
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			peak = kilobytes(rest)
		}
	}
	return now, peak
}

// kilobytes reads "   1234 kB" as bytes.
func kilobytes(text string) uint64 {
	n, err := strconv.ParseUint(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(text), "kB")), 10, 64)
	if err != nil {
		return 0
	}
	return n << 10
}
