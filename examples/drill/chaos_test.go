//go:build linux

package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

var (
	chaosLives = flag.Int("chaos.lives", 6, "how many lives TestChaos plays")
	chaosSeed  = flag.Uint64("chaos.seed", 1, "the seed of the first life; each further one has the next seed")
)

const (
	chaosEvery = 50 * time.Millisecond
	chaosWork  = 15 * time.Millisecond // long enough for two executes to meet
)

// Daemons that compete for one lock meet faults in random order. When the faults
// have ended, one of them beats and the others take over from it, one after the
// other; each ends well, and leaves nothing. Never do two execute at once.
//
// A seed decides on the order of the faults of a life, and on the pauses between
// them; what they meet is up to the machine, but each meets somebody. In each seventh life the lock file is deleted,
// too, which takes 10 s to be noticed: so none of those is among the first six.
func TestChaos(t *testing.T) {
	var lives []*chaos
	t.Run("life", func(t *testing.T) {
		for n := range *chaosLives {
			seed := *chaosSeed + uint64(n)
			c := &chaos{met: map[string]int{}}
			lives = append(lives, c)
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				t.Parallel()
				c.begin(t, seed)
				c.faults()
				c.calm()
				c.oneAfterTheOther()
				c.requireTraces()
			})
		}
	})
	met := map[string]int{}
	for _, c := range lives {
		for fault, n := range c.met {
			met[fault] += n
		}
	}
	t.Logf("%d lives, faults %v", *chaosLives, met)
	for _, f := range faults {
		if met[f.name] < *chaosLives*f.times {
			t.Errorf("the fault %s was met %d times only in %d lives", f.name, met[f.name], *chaosLives)
		}
	}
}

// chaos is a life of competing daemons.
type chaos struct {
	*site
	rand     *rand.Rand
	daemons  []*contender // all that were started
	broken   bool         // the binary
	deletes  bool         // the lock file: two may execute for up to 10 s
	happened []string
	met      map[string]int // faults that had somebody or something to meet
}

// contender is one of the daemons, and what was done to it.
type contender struct {
	*process
	pidFile  string
	launched time.Duration // a bootNow from before
	standby  bool
	sent     map[syscall.Signal]bool
	stopped  bool // by SIGSTOP
}

func (c *chaos) begin(t *testing.T, seed uint64) {
	c.site, c.rand, c.deletes = newSite(t), rand.New(rand.NewPCG(seed, 0)), seed%7 == 0
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("seed %d: %s\nagain: make chaos LIVES=1 SEED=%d",
				seed, strings.Join(c.happened, ", "), seed)
		}
	})
	c.join(false)
	c.join(true)
}

func (c *chaos) note(format string, args ...any) {
	c.happened = append(c.happened, fmt.Sprintf(format, args...))
}

// join starts one more daemon.
func (c *chaos) join(standby bool) {
	c.Helper()
	pidFile := "pid"
	if c.deletes { // two may run, and each needs its own
		pidFile = fmt.Sprint("pid", len(c.daemons))
	}
	cmd := c.command(c.args("--every", chaosEvery.String(), "--work", chaosWork.String(), "-p", c.path(pidFile))...)
	if standby {
		cmd.Env = append(slices.Clip(c.env), asStandby+"=1")
	}
	launched := bootNow()
	d := &contender{process: c.launch(cmd), pidFile: pidFile, launched: launched, standby: standby, sent: map[syscall.Signal]bool{}}
	c.daemons = append(c.daemons, d)
	c.note("start %d (standby: %t)", d.pid, standby)
}

// running are the daemons that have not ended.
func (c *chaos) running() []*contender {
	return slices.DeleteFunc(slices.Clone(c.daemons), func(d *contender) bool { return d.over() })
}

// calm ends all faults, and waits until one daemon beats and the others have
// ended or stand by.
func (c *chaos) calm() {
	c.Helper()
	c.note("calm")
	c.repair()
	for _, d := range c.running() {
		c.limit(d, unix.RLIM_INFINITY)
		if d.stopped {
			c.resume(d)
		}
	}
	c.eventually("those that were told to stop to end", func() bool {
		return !slices.ContainsFunc(c.running(), func(d *contender) bool { return d.sent[syscall.SIGTERM] || d.sent[syscall.SIGKILL] })
	})
	if !slices.ContainsFunc(c.running(), func(d *contender) bool { return d.standby }) {
		c.join(true)
	}
	begun := 0 // how many executes, when it began to look settled
	c.eventually("the end of all restarts, and of all starts that find the lock held", func() bool {
		if len(c.running()) == 0 { // the last one has lost a lock file that was deleted
			c.join(true)
		}
		now := len(c.starts())
		if begun == 0 || !c.settled() {
			begun = now
		}
		return now >= begun+4 // a restart that is under way is one program's beat old at most
	})
}

// settled tells whether one daemon beats, the others stand by, and nobody tries
// the next program.
func (c *chaos) settled() bool {
	running, holder := c.running(), c.holder()
	return holder != nil && len(c.living()) == len(running) && !slices.ContainsFunc(running, func(d *contender) bool {
		return !d.standby && d != holder || d.locksDeleted()
	})
}

// locksDeleted tells whether a daemon has a lock file that was deleted, which it
// notices within 10 s.
func (d *contender) locksDeleted() bool {
	fds := fmt.Sprintf("/proc/%d/fd/", d.pid)
	entries, _ := os.ReadDir(fds)
	return slices.ContainsFunc(entries, func(e os.DirEntry) bool {
		to, _ := os.Readlink(fds + e.Name())
		return to == d.path("lock")+" (deleted)"
	})
}

// holder is the daemon that has beaten last; nil where that has ended.
func (c *chaos) holder() *contender {
	starts := c.starts()
	if len(starts) == 0 {
		return nil
	}
	last := starts[len(starts)-1]
	for _, d := range c.running() {
		if d.pid == last.pid {
			return d
		}
	}
	return nil
}

// oneAfterTheOther shows that each daemon in turn beats, has lost no tick, can
// restart, and ends well.
func (c *chaos) oneAfterTheOther() {
	c.Helper()
	for len(c.running()) > 0 {
		var d *contender
		c.eventually("a beat", func() bool { d = c.holder(); return d != nil })
		c.beats(2)
		c.requireTicks(d)
		if len(c.running()) == 1 {
			got := c.run("-s", "restart", "-p", c.path(d.pidFile))
			require.Zero(c, got.code, got.err)
			c.beats(2)
		}
		c.send(d, syscall.SIGTERM)
		require.Zero(c, d.exit(), c.read(d.err))
		last := fmt.Sprintf(`\] %d Shutdown Complete\. .* Iterations: %d Exit status: 0\n`, d.pid, len(c.startsOf(d)))
		require.Regexp(c, last, c.read("log"))
	}
}

func (c *chaos) startsOf(d *contender) []beat {
	return slices.DeleteFunc(c.starts(), func(b beat) bool { return b.pid != d.pid })
}

var dumped = regexp.MustCompile(`(?s)\nIterations: +(\d+)\n.*\nMissed ticks: +(\d+)\n`)

// requireTicks shows that a daemon has executed at each tick since its first one,
// or counted it as missed. What makes up for missed
// ticks, and what SIGCONT causes, are further executes.
func (c *chaos) requireTicks(d *contender) {
	c.Helper()
	report := ""
	defer func() { c.note("ticks: %s", report) }()
	c.eventually("a dump in which all ticks are found", func() bool {
		got := c.run("-s", "dump", "-p", c.path(d.pidFile))
		if got.code != 0 { // a SIGUSR1 that arrives during an exec has no effect
			got = c.run("-s", "dump", "-p", c.path(d.pidFile))
		}
		m := dumped.FindStringSubmatch(got.out)
		if m == nil {
			report = fmt.Sprintf("no dump: %+v", got)
			return false
		}
		iterations, missed := atoi(c, m[1]), atoi(c, m[2])
		starts := c.startsOf(d)
		if len(starts) < iterations || iterations == 0 {
			report = fmt.Sprintf("%d iterations in the dump, %d in the witness", iterations, len(starts))
			return false
		}
		passed := int((starts[iterations-1].at - starts[0].at) / chaosEvery)
		atMost := int((bootNow()-d.launched)/chaosEvery) + 1
		report = fmt.Sprintf("%d iterations, %d missed, %d passed, at most %d", iterations, missed, passed, atMost)
		return passed-1 <= iterations+missed && missed <= atMost
	})
}

// requireTraces judges what all of them have left.
func (c *chaos) requireTraces() {
	c.Helper()
	c.eventually("the end of all processes", func() bool { return len(c.living()) == 0 })
	c.requireFree()
	c.requireEnd(0)
	for _, d := range c.daemons {
		c.requireStatus(d)
	}
	for _, name := range c.files() {
		if strings.HasPrefix(name, ".pid") || name == "lock" || name == "log" || name == "witness" {
			continue // what begins with a dot is a claim that SIGKILL has cut short
		}
		require.True(c, c.leftBehind(name), "%s was left", name)
	}
	if !c.deletes {
		c.requireNeverTwo()
	}
}

// leftBehind tells whether a PID file is that of a daemon which could not
// remove it.
func (c *chaos) leftBehind(name string) bool {
	return slices.ContainsFunc(c.daemons, func(d *contender) bool { return d.pidFile == name && d.exit() >= 128 })
}

func (c *chaos) requireStatus(d *contender) {
	c.Helper()
	code := d.exit()
	switch {
	case code == 128+int(syscall.SIGKILL) && d.sent[syscall.SIGKILL]:
	case code == 128+int(syscall.SIGTERM) && d.sent[syscall.SIGTERM]: // before it was ready for it, or between two programs
	case code == 0 && d.sent[syscall.SIGTERM]:
	case code == 0 && !d.standby && len(c.startsOf(d)) == 0 && strings.Contains(c.read(d.out), "Lock Detected"):
	case code == 0 && c.deletes && d.sent[syscall.SIGHUP]: // it restarted, and found another owner
	case code == 1 && d.sent[syscall.SIGHUP] && strings.HasSuffix(c.read(d.err), "no database\n"): // broken after its trial
	case code == 1 && c.deletes && strings.Contains(c.read("log")+c.read(d.out), "Lock Lost"):
	default:
		require.Fail(c, "unclean", "%d ended with %d\n%s%s", d.pid, code, c.read(d.out), c.read(d.err))
	}
	require.NotContains(c, c.read(d.err), "goroutine ")
}

// requireNeverTwo shows that an execute ended, or its process, before the next
// one began, and that each owner of the lock had a greater token than the one
// before it: nobody came back after another one had the lock.
func (c *chaos) requireNeverTwo() {
	c.Helper()
	var open, last beat
	for _, b := range c.witness() {
		require.True(c, b.token > last.token || b.token == last.token && b.pid == last.pid,
			"%+v after %+v", b, last)
		switch b.what {
		case "start":
			if open != (beat{}) {
				require.NotEqual(c, open.pid, b.pid, "an execute without an end")
				require.True(c, c.killed(open.pid), "two at once: %+v and %+v", open, b)
			}
			open = b
		case "end":
			require.Equal(c, open.pid, b.pid, "two at once: %+v ends in %+v", b, open)
			open = beat{}
		}
		last = b
	}
}

func (c *chaos) killed(pid int) bool {
	return slices.ContainsFunc(c.daemons, func(d *contender) bool { return d.pid == pid && d.sent[syscall.SIGKILL] })
}
