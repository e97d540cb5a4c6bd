package daemontest

import (
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"
	"weak"

	"github.com/evertick/evertick/daemontest/internal/world"
)

// A scenario of many orders needs no more descriptors and no more memory than
// one: what a process had open is closed when it ends, and a world that was
// judged is let go.
func TestPlaysLeaveNothingBehind(t *testing.T) {
	open := func() int {
		all, err := os.ReadDir("/dev/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	scenario := Scenario{
		Args: "-p d.pid",
		Steps: Steps{
			At(1500*time.Millisecond, Signal(syscall.SIGHUP)),
			At(2500*time.Millisecond, LoseBinary(), Signal(syscall.SIGHUP)),
			At(3500*time.Millisecond, Signal(syscall.SIGKILL)),
		},
		Want: Want{Killed(), Restarts(1)},
	}
	play := func(seed uint64) weak.Pointer[world.World] {
		scenario.Seed = seed
		r, verdict := examine(t, beater, scenario)
		if verdict != "" {
			t.Fatal(verdict)
		}
		return weak.Make(r.world.sim)
	}
	play(1)
	const plays = 20
	before := open()
	var worlds []weak.Pointer[world.World]
	for n := range uint64(plays) {
		worlds = append(worlds, play(n+1))
	}
	if after := open(); after >= before+plays/2 {
		t.Errorf("%d descriptors were open before %d plays, and %d after them", before, plays, after)
	}
	left := plays
	for deadline := time.Now().Add(time.Minute); left > 1 && time.Now().Before(deadline); {
		runtime.GC()
		left = 0
		for _, w := range worlds {
			if w.Value() != nil {
				left++
			}
		}
	}
	if left > 1 {
		t.Errorf("%d of %d worlds are still in memory", left, plays)
	}
}
