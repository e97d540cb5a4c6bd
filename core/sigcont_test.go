package core_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/core/host"
	"github.com/evertick/evertick/lock"
	"github.com/evertick/evertick/logfile"
)

// asHolder makes the test binary a daemon that holds a lock whose lease lives for
// holderTTL.
const asHolder = "EVERTICK_CORE_AS_HOLDER"

const holderTTL = 200 * time.Millisecond

// holder says when its Execute has begun, and when its context has ended.
func holder() {
	l := lock.NewMemory(nil).Lock("x", holderTTL)
	core.New("holder", core.WithHost(host.Real()), core.WithLock(l), core.Every(time.Hour),
		core.Execute(func(ctx context.Context, d *core.Daemon) error {
			fmt.Println("began 0")
			<-ctx.Done()
			fmt.Println("ended", int64(d.Clock().Boot()))
			return context.Cause(ctx)
		})).Run(context.Background())
}

// stopped starts a holder, stops it by SIGSTOP for longer than its lease lives,
// and returns how long after SIGCONT the context of its Execute has ended, and
// what it logged. One that was too busy to keep its lease until then shows nothing,
// and is followed by another one.
func stopped(tb testing.TB) (after time.Duration, log string) {
	for range 20 {
		if after, log, stopped := stopOnce(tb); stopped {
			return after, log
		}
	}
	tb.Fatal("this machine is too busy for a lease that is as short")
	return 0, ""
}

func stopOnce(tb testing.TB) (after time.Duration, log string, stopped bool) {
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), asHolder+"=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	limit := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
	defer limit.Stop()
	lines := bufio.NewScanner(out)
	next := func(word string) (value int64) {
		for lines.Scan() {
			log += lines.Text() + "\n"
			if rest, ok := strings.CutPrefix(lines.Text(), word+" "); ok {
				value, _ = strconv.ParseInt(rest, 10, 64)
				return value
			}
		}
		tb.Fatalf("it never %s:\n%s", word, log)
		return 0
	}
	clock := clockwork.Real()
	next("began")
	if err := cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		tb.Fatal(err)
	}
	var status syscall.WaitStatus // all its threads stand still then
	if _, err := syscall.Wait4(cmd.Process.Pid, &status, syscall.WUNTRACED, nil); err != nil || !status.Stopped() {
		return 0, "", false // it has ended
	}
	stoodStill := clock.Boot()
	if err := clockwork.SleepUntilBoot(tb.Context(), clock, clock.Boot()+holderTTL+50*time.Millisecond); err != nil {
		tb.Fatal(err)
	}
	since := clock.Boot()
	if err := cmd.Process.Signal(syscall.SIGCONT); err != nil {
		tb.Fatal(err)
	}
	ended := time.Duration(next("ended"))
	for lines.Scan() {
		log += lines.Text() + "\n"
	}
	_ = cmd.Wait()
	return ended - since, log, ended > stoodStill
}

// A real process that was stopped for longer than its lease lives ends its
// context at SIGCONT, and not before.
func TestARealProcessLosesItsLeaseAtSIGCONT(t *testing.T) {
	after, log := stopped(t)
	if after < 0 || !strings.Contains(log, "Lock Lost: memory:x: ") || strings.Count(log, "began") != 1 {
		t.Errorf("the context ended %s after SIGCONT:\n%s", after, log)
	}
}

// BenchmarkSIGCONT is how long after SIGCONT the context of an Execute ends whose
// process was stopped for longer than its lease lives.
func BenchmarkSIGCONT(b *testing.B) {
	var all []time.Duration
	for range b.N {
		after, _ := stopped(b)
		all = append(all, after)
	}
	slices.Sort(all)
	b.ReportMetric(micros(all[len(all)/2]), "p50-µs")
	b.ReportMetric(micros(all[len(all)*99/100]), "p99-µs")
	b.ReportMetric(micros(all[len(all)-1]), "max-µs")
}

// hanging is log files whose writes do not return, from some time on, until they
// are let go.
type hanging struct {
	logfile.Files
	hangs  *atomic.Bool
	goesOn chan struct{}
}

type hangingFile struct {
	logfile.File
	hanging
}

func (h hanging) Append(path string) (logfile.File, error) {
	f, err := h.Files.Append(path)
	return hangingFile{f, h}, err
}

func (f hangingFile) Write(p []byte) (int, error) {
	if f.hangs.Load() {
		<-f.goesOn
	}
	return f.File.Write(p)
}

// The context ends in time although the log hangs, as on a disk that does.
func TestALogThatHangsDoesNotHoldUpTheLoss(t *testing.T) {
	h := host.Real()
	files := hanging{h.Files, new(atomic.Bool), make(chan struct{})}
	h.Files, h.Stdout = files, io.Discard
	store := lock.NewMemory(nil)
	const ttl = 3 * time.Second // it is not to end by itself
	began, ended, code := make(chan struct{}), make(chan error, 1), make(chan int, 1)
	d := core.New("poller", core.WithHost(h), core.WithLock(store.Lock("x", ttl)), core.Every(time.Hour),
		core.WithLog(logfile.Fixed(filepath.Join(t.TempDir(), "log"))),
		core.Execute(func(ctx context.Context, _ *core.Daemon) error {
			files.hangs.Store(true)
			close(began)
			<-ctx.Done()
			ended <- context.Cause(ctx)
			return nil
		}))
	go func() { code <- d.Run(context.Background()) }()
	select {
	case <-began:
	case got := <-code:
		t.Fatalf("it has ended with status %d before it executed", got)
	}
	store.Evict("x")
	select {
	case err := <-ended:
		if !strings.Contains(err.Error(), "lock lost") {
			t.Errorf("the context ended with: %v", err)
		}
	case <-time.After(time.Minute):
		t.Error("the context did not end")
	}
	close(files.goesOn)
	if got := <-code; got != 1 {
		t.Errorf("exit status %d", got)
	}
}
