package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// build makes the program as its users do, once with cgo where there is a C
// compiler, once without.
func build(b *testing.B, cgo string) string {
	b.Helper()
	bin := filepath.Join(b.TempDir(), "heartbeat")
	cmd := exec.Command("go", "build", "-o", bin, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED="+cgo)
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("go build: %v\n%s", err, out)
	}
	return bin
}

// BenchmarkProcess is a real process from start to end: the time to its first
// beat, its resident memory when it is idle, and the time from SIGTERM, which
// finds it asleep, to its exit.
func BenchmarkProcess(b *testing.B) {
	for _, cgo := range []string{"0", "1"} {
		b.Run("cgo="+cgo, func(b *testing.B) {
			bin, dir := build(b, cgo), b.TempDir()
			var first, end time.Duration
			var memory int
			for range b.N {
				f, m, e := life(b, bin, dir)
				first, memory, end = first+f, max(memory, m), end+e
			}
			ms := func(d time.Duration) float64 { return d.Seconds() * 1000 / float64(b.N) }
			b.ReportMetric(ms(first), "first-beat-ms")
			b.ReportMetric(ms(end), "sigterm-to-exit-ms")
			b.ReportMetric(float64(memory), "resident-kB")
			b.ReportMetric(0, "ns/op")
		})
	}
}

func life(b *testing.B, bin, dir string) (first time.Duration, memory int, end time.Duration) {
	b.Helper()
	cmd := exec.Command(bin, "-v", "--log", filepath.Join(dir, "log"), "--lock", filepath.Join(dir, "lock"))
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	begun := time.Now()
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if strings.HasSuffix(lines.Text(), "beat 1") {
			first = time.Since(begun)
			break
		}
	}
	time.Sleep(100 * time.Millisecond) // let it fall asleep
	memory = resident(b, cmd.Process.Pid)
	begun = time.Now()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		b.Fatal(err)
	}
	for lines.Scan() { // to the end
	}
	if err := cmd.Wait(); err != nil {
		b.Fatal(err)
	}
	return first, memory, time.Since(begun)
}

// resident is VmRSS in kB, on Linux.
func resident(b *testing.B, pid int) int {
	b.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	kB, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		b.Fatal(err)
	}
	return kB
}
