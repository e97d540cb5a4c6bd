package core_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/daemontest"
)

// A lockFault begins 2 s after the state that it meets, and ends 6 s later: the
// lease lives for 4 s.
type lockFault struct {
	name        string
	begin, mend daemontest.Action
}

var lockFaults = []lockFault{
	{"outage", daemontest.LockOutage(errBoom), daemontest.LockOutage(nil)},
	{"slow", daemontest.LockTakes(10 * time.Second), daemontest.LockTakes(0)},
	{"answers lost", daemontest.LockAnswersLost(errBoom), daemontest.LockAnswersLost(nil)},
	{"pause", daemontest.LockPauses(true), daemontest.LockPauses(false)},
	{"unwatched", daemontest.LockUnwatched(errBoom), daemontest.LockUnwatched(nil)},
	{"evicted", daemontest.FreeLock(leaseURL), nothing},
	{"stolen", daemontest.StealLock(leaseURL), daemontest.FreeLock(leaseURL)},
	{"clock forwards", daemontest.StepLockClock(4 * time.Second), nothing},
	{"clock back", daemontest.StepLockClock(-4 * time.Second), nothing},
	{"suspended", daemontest.Suspend(time.Hour), nothing},
	{"suspended shortly", daemontest.Suspend(time.Second), nothing},
}

var nothing = daemontest.Do("nothing", func(*daemontest.World) {})

// A lockState brings a daemon into a state in which it is at a time.
type lockState struct {
	name    string
	at      float64
	held    bool // the lock, by another machine, until the fault is over
	options []core.Option
	execute daemontest.Script
	steps   daemontest.Steps
	want    string // of each fault, in their order
}

// takes is a function that takes d, the first time, and ends with its context.
func takes(d time.Duration) core.Func {
	return func(ctx context.Context, daemon *core.Daemon) error {
		if daemon.Restarts() > 0 {
			return nil
		}
		return clockwork.Sleep(ctx, daemon.Clock(), d)
	}
}

// What each fault of the lock's store does in each state:
//
//   - nothing
//     waits  the lock cannot be asked for, and the daemon stands by until it can
//     loses  the lease is lost, and the daemon restarts and wins it again; so it is
//     when the store's answer comes later than the lease is safe
//     ends   the daemon ends: with exit status 1 for what it cannot know, and 0
//     where another instance has the lock
var lockStates = []lockState{
	{
		"checking", 0, false,
		[]core.Option{core.CheckEnvironment(takes(4 * time.Second))},
		daemontest.Instantly(), nil,
		"ends 1, loses, ends 1, loses, -, -, ends 0, -, -, -, -",
	},
	{
		"standby", 0, true,
		[]core.Option{core.Standby()},
		daemontest.Instantly(), nil,
		"waits, loses, waits, -, -, -, -, -, -, -, -",
	},
	{
		"setting up", 0, false,
		[]core.Option{core.Setup(takes(20 * time.Second))},
		daemontest.Instantly(), nil,
		"loses waits, loses, loses waits, loses, -, loses, loses ends 0, loses, -, loses, -",
	},
	{
		"sleeping", 0, false,
		[]core.Option{core.Every(time.Minute)},
		daemontest.Instantly(), nil,
		"loses waits, loses, loses waits, loses, -, loses, loses ends 0, loses, -, loses, -",
	},
	{
		"executing", 0, false,
		[]core.Option{core.Every(time.Minute)},
		daemontest.Takes(40 * time.Second), nil,
		"loses waits, loses, loses waits, loses, -, loses, loses ends 0, loses, -, loses, -",
	},
	{
		"draining", 0, false,
		[]core.Option{core.Every(time.Minute)},
		daemontest.Takes(9 * time.Second),
		daemontest.Steps{stopAt(1)},
		"loses ends 0, loses ends 0, loses ends 0, loses ends 0, ends 0, loses ends 0, loses ends 0, loses ends 0, ends 0, loses ends 0, ends 0",
	},
	{
		"restarting", 12, false,
		[]core.Option{core.RestartBackoff(20*time.Second, 20*time.Second)},
		daemontest.Instantly().FailsAt(13, errBoom), nil,
		"loses waits, loses, loses waits, loses, -, loses, loses ends 0, loses, -, loses, -",
	},
	{
		"tearing down", 0, false,
		[]core.Option{core.Teardown(takes(9 * time.Second))},
		daemontest.Instantly(),
		daemontest.Steps{at(1, hup)},
		"loses, loses, loses, loses, -, loses, loses, loses, -, loses, -",
	},
}

// outcome tells in those words what has become of the daemon.
func outcome(r *daemontest.Result, end time.Duration) string {
	var words []string
	for word, line := range map[string]string{"loses": "Lock Lost", "waits": "because the lock cannot be asked for"} {
		if len(r.LoggedAt(line)) > 0 {
			words = append(words, word)
		}
	}
	if len(words) == 2 {
		words = []string{"loses", "waits"}
	}
	if r.Ended() < end {
		code := 0
		if len(r.LoggedAt("Exit status: 1")) > 0 || len(r.LoggedAt("Application Startup")) == 0 && len(r.LoggedAt("Lock Detected")) == 0 {
			code = 1
		}
		words = append(words, fmt.Sprint("ends ", code))
	}
	if len(words) == 0 {
		return "-"
	}
	return strings.Join(words, " ")
}

// In no state does a fault of the lock's store do anything else than it should,
// and whatever does not end executes again.
func TestEachFaultOfTheLockInEachState(t *testing.T) {
	for _, s := range lockStates {
		var got []string
		for _, f := range lockFaults {
			t.Run(s.name+"/"+f.name, func(t *testing.T) {
				end := s.at + 75
				steps := append(daemontest.Steps{at(s.at+2, f.begin).Maybe(), at(s.at+8, f.mend).Maybe(), stopAt(end).Maybe()}, s.steps...)
				var held []string
				if s.held {
					held = []string{leaseURL}
				}
				if s.held && f.name != "evicted" && f.name != "stolen" { // which free it themselves
					steps = append(steps, at(s.at+10, daemontest.FreeLock(leaseURL)).Maybe())
				}
				r := play(t, leased(s.options...), daemontest.Scenario{
					Args: "-d -p poller.pid", Execute: s.execute, Held: held, Steps: steps,
					Want: daemontest.Want{
						daemontest.AnyOf(daemontest.Want{daemontest.Exit(0)}, daemontest.Want{daemontest.Exit(1)}),
						daemontest.AnyOf(daemontest.Want{daemontest.NeverReady()}, daemontest.Want{}),
						daemontest.NoFile(pidPath), daemontest.NoLog("defect"),
					},
				})
				what := outcome(r, seconds(end)[0])
				got = append(got, what)
				if starts := r.Starts(); !strings.Contains(what, "ends") && (len(starts) == 0 || starts[len(starts)-1] < seconds(end - 20)[0]) {
					t.Errorf("it does not execute any more:\n%s", r.Timeline())
				}
			})
		}
		if text := strings.Join(got, ", "); text != s.want {
			t.Errorf("%s: want %q,\n\tgot %q", s.name, s.want, text)
		}
	}
}
