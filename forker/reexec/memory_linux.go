package reexec

import (
	"os"
	"path/filepath"
	"slices"
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

// oomKills reads memory.events of cgroup v2, or memory.oom_control of v1, where these are
// mounted as usual, and in a container, which may see its own group as the root.
func oomKills() (cgroup string, kills int64) {
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return "", 0
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) < 3 {
			continue
		}
		root, file := "", ""
		switch {
		case fields[0] == "0":
			root, file = "/sys/fs/cgroup", "memory.events"
		case slices.Contains(strings.Split(fields[1], ","), "memory"):
			root, file = "/sys/fs/cgroup/memory", "memory.oom_control"
		}
		for _, dir := range []string{root + fields[2], root} {
			if n, ok := readOOMKills(filepath.Join(dir, file)); root != "" && ok {
				return dir, n
			}
		}
	}
	return "", 0
}

// readOOMKills returns the number behind oom_kill in a file.
func readOOMKills(path string) (kills int64, ok bool) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(text)) {
		if number, found := strings.CutPrefix(strings.TrimSpace(line), "oom_kill "); found {
			kills, err = strconv.ParseInt(number, 10, 64)
			return kills, err == nil
		}
	}
	return 0, false
}
