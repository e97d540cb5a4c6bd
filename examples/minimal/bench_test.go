//go:build linux

package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// lives is how often each program is run. The figures are medians.
const lives = 21

// program is a program to be measured beside the others.
type program struct {
	name, dir string
	args      []string

	size, stripped int64 // bytes
	resident       []float64
	start, end     []float64 // seconds
}

// BenchmarkMinimal measures the minimal daemon beside a bare Go program and
// beside one that has nothing but a command line, all without cgo: what each
// takes on disk and, when idle, in memory, the time from its start to its first
// line, and from SIGTERM to its exit. The programs take turns, so that their
// ratios hold on a busy machine, too.
func BenchmarkMinimal(b *testing.B) {
	all := []*program{
		{name: "hello", dir: "./testdata/hello"},
		{name: "kingpin", dir: "./testdata/kingpin", args: []string{"-v"}},
		{name: "minimal", dir: ".", args: []string{"-v"}},
	}
	folder := b.TempDir()
	for _, p := range all {
		p.size = p.build(b, filepath.Join(folder, p.name))
		p.stripped = p.build(b, filepath.Join(folder, "stripped"), "-ldflags", "-s -w")
	}
	for range lives {
		for _, p := range all {
			p.live(b, filepath.Join(folder, p.name))
		}
	}
	bare := all[0]
	for _, p := range all {
		b.Run(p.name, func(b *testing.B) {
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(p.size)/1e6, "MB")
			b.ReportMetric(float64(p.stripped)/1e6, "stripped-MB")
			b.ReportMetric(median(p.resident)/(1<<20), "resident-MiB")
			b.ReportMetric(median(p.start)*1e3, "start-ms")
			b.ReportMetric(median(p.start)/median(bare.start), "start-ratio")
			b.ReportMetric(median(p.end)*1e3, "sigterm-to-exit-ms")
			b.ReportMetric((median(p.end)-median(bare.end))*1e3, "later-than-bare-ms")
		})
	}
}

// build builds the program and returns its size.
func (p *program) build(b *testing.B, bin string, flags ...string) int64 {
	b.Helper()
	cmd := exec.Command("go", append(append([]string{"build", "-o", bin}, flags...), p.dir)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%v: %v\n%s", cmd, err, out)
	}
	info, err := os.Stat(bin)
	if err != nil {
		b.Fatal(err)
	}
	return info.Size()
}

// live runs the program from its start to its end.
func (p *program) live(b *testing.B, bin string) {
	b.Helper()
	cmd := exec.Command(bin, p.args...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() && !strings.HasSuffix(lines.Text(), "beat 1") {
	}
	p.start = append(p.start, time.Since(began).Seconds())

	time.Sleep(50 * time.Millisecond) // it falls asleep
	p.resident = append(p.resident, resident(b, cmd.Process.Pid))
	began = time.Now()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		b.Fatal(err)
	}
	for lines.Scan() { // to the end
	}
	if err := cmd.Wait(); err != nil {
		b.Fatal(err)
	}
	p.end = append(p.end, time.Since(began).Seconds())
}

// resident is a process's VmRSS in bytes.
func resident(b *testing.B, pid int) float64 {
	b.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	kB, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		b.Fatal(err)
	}
	return float64(kB) * 1024
}

func median(all []float64) float64 {
	slices.Sort(all)
	return all[len(all)/2]
}
