package core_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/daemontest"
	"github.com/evertick/evertick/lock"
	"github.com/evertick/evertick/logfile"
	"github.com/evertick/evertick/mail"
)

const (
	statePath = "/run/poller.lock.state"
	death     = "Died Before: PID "
)

// deaths wants that many deaths to be told.
func deaths(n int) daemontest.Expectation { return daemontest.LogsTimes(death, n) }

// A process that was killed is told of by the next one, in the log and as an alert,
// and once.
func TestTheNextStartTellsOfADeath(t *testing.T) {
	play(t, equipped(), daemontest.Scenario{
		Steps: daemontest.Steps{
			at(2.5, kill), at(4, daemontest.Command("-v")), at(6.5, daemontest.SignalTo("-v", syscall.SIGTERM)),
			at(8, daemontest.Command("-p pid")), at(9.5, daemontest.SignalTo("-p pid", syscall.SIGTERM)),
		},
		Want: daemontest.Want{
			daemontest.Killed(), daemontest.ExitOf("-v", 0), daemontest.ExitOf("-p pid", 0), deaths(1),
			daemontest.Logs("Died Before: PID 100, which was started at 2026-01-01 00:00:00, came to its end without a shutdown, in iteration 3 or later; it was alive at 2026-01-01 00:00:02.\nIt left no word"),
			daemontest.Mails(1), daemontest.NoFile(statePath),
		},
	})
}

// A process that the kernel has killed for want of memory is told of as that, where its
// control group counts them, and not where another process was the one.
func TestADeathForWantOfMemory(t *testing.T) {
	play(t, equipped(), daemontest.Scenario{
		Args:  "-d",
		Steps: daemontest.Steps{at(20.5, daemontest.OutOfMemory()), at(40.5, kill), stopAt(60.5)},
		Want: daemontest.Want{
			daemontest.Exit(0), deaths(2), daemontest.Restarts(2),
			daemontest.MailContains("It left no word: SIGKILL. It ran out of memory, most likely: since its start the kernel has killed 1 process of its control group /daemons for that\n"),
			daemontest.LogsTimes("It ran out of memory", 1), daemontest.LogsTimes("It left no word: SIGKILL, as from the kernel", 1),
		},
	})
}

// What is no death: a stop, a restart in place and what follows it, a fatal error,
// a second instance that is refused, and the end of that.
func TestWhatIsNoDeath(t *testing.T) {
	for name, s := range map[string]daemontest.Scenario{
		"a stop": {
			Steps: daemontest.Steps{at(1.5, term), at(3, daemontest.Command("-v")), at(4.5, daemontest.SignalTo("-v", syscall.SIGTERM))},
			Want:  daemontest.Want{daemontest.Exit(0), daemontest.ExitOf("-v", 0)},
		},
		"a restart": {
			Args:  "-d",
			Steps: daemontest.Steps{at(1.5, hup), at(3.5, hup), stopAt(5.5)},
			Want:  daemontest.Want{daemontest.Restarts(2), daemontest.Exit(0)},
		},
		"a fatal error": {
			Execute: daemontest.Instantly().FailsAt(2, errors.New("broken")),
			Steps:   daemontest.Steps{at(3, daemontest.Command("-v")), at(3.5, daemontest.SignalTo("-v", syscall.SIGTERM))},
			Want:    daemontest.Want{daemontest.Exit(1), daemontest.ExitOf("-v", 0)},
		},
		"a second instance": {
			Steps: daemontest.Steps{at(1.5, daemontest.Command("-v")), stopAt(2.5)},
			Want:  daemontest.Want{daemontest.Exit(0), daemontest.ExitOf("-v", 0)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s.Want = append(s.Want, deaths(0), daemontest.NoFile(statePath))
			play(t, equipped(), s)
		})
	}
}

// A second instance that is refused touches nothing of the first one's, whose death
// is told of later.
func TestASecondInstanceDoesNotHideADeath(t *testing.T) {
	play(t, equipped(), daemontest.Scenario{
		Steps: daemontest.Steps{
			at(1.5, daemontest.Command("-v")), at(2.5, kill),
			at(4, daemontest.Command("-p pid")), at(5.5, daemontest.SignalTo("-p pid", syscall.SIGTERM)),
		},
		Want: daemontest.Want{daemontest.Killed(), daemontest.ExitOf("-v", 0), deaths(1), daemontest.ExitOf("-p pid", 0)},
	})
}

// A process that is killed after a restart in place is told of with all its
// iterations.
func TestADeathAfterARestart(t *testing.T) {
	play(t, equipped(core.Unwatched()), daemontest.Scenario{
		Args:  "-d",
		Steps: daemontest.Steps{at(1.5, hup), at(4.5, kill), at(6, daemontest.Command("-v")), at(7.5, daemontest.SignalTo("-v", syscall.SIGTERM))},
		Want:  daemontest.Want{daemontest.Killed(), deaths(1), daemontest.Logs("in iteration 5 or later"), daemontest.ExitOf("-v", 0)},
	})
}

// A standby that takes over from a process that was killed tells of it.
func TestAStandbyTellsOfADeath(t *testing.T) {
	play(t, equipped(core.Standby()), daemontest.Scenario{
		Steps: daemontest.Steps{
			at(1.2, daemontest.Command("-v")), at(2.5, kill), at(5.5, daemontest.SignalTo("-v", syscall.SIGTERM)),
		},
		Want: daemontest.Want{daemontest.Killed(), deaths(1), daemontest.ExitOf("-v", 0), daemontest.NoFile(statePath)},
	})
}

// Where the state file is: beside the lock file, else beside the log, else nowhere.
// It is gone after the end.
func TestWhereTheStateFileIs(t *testing.T) {
	for path, options := range map[string][]core.Option{
		statePath:                        {core.WithLock(lock.File("/run/poller.lock")), core.WithLog(logfile.Fixed(logPath))},
		logPath + ".state":               {core.WithLock(lock.Null()), core.WithLog(logfile.Fixed(logPath))},
		"/var/log/poller/poller.state":   {core.WithLog(logfile.Daily("/var/log/poller"))},
		daemontest.Dir + "/a.lock.state": {core.WithLock(lock.File("a.lock"))},
		"":                               {core.WithLock(lock.Null()), core.WithLog(logfile.Fixed(logfile.Stderr))},
	} {
		t.Run("at "+path, func(t *testing.T) {
			want := daemontest.Want{daemontest.Exit(0), deaths(0)}
			files := ""
			step := at(1.5, daemontest.Do("look", func(w *daemontest.World) {
				if content, _ := w.File(path); strings.Contains(content, `"iteration":2`) {
					files = path
				}
			}))
			play(t, poller(options...), daemontest.Scenario{Steps: daemontest.Steps{step, stopAt(2.5)}, Want: want})
			if files != path {
				t.Errorf("the state file is %q", files)
			}
		})
	}
}

// A folder that cannot be written costs one warning, and no start.
func TestAStateFileThatCannotBeWritten(t *testing.T) {
	play(t, equipped(), daemontest.Scenario{
		Steps: daemontest.Steps{at(0, daemontest.DenyFile(statePath, syscall.EACCES)), stopAt(3.5)},
		Want: daemontest.Want{
			daemontest.LogsTimes("Warning: the state file "+statePath+" cannot be written, so the next start cannot tell if this process is killed", 1),
			daemontest.Iterations(4), daemontest.Exit(0),
		},
	})
}

// The older the process, the more seldom the file is written, whatever the interval.
func TestTheStateFileIsWrittenNowAndThen(t *testing.T) {
	noted := map[time.Duration]string{}
	look := func(at time.Duration) daemontest.Step {
		return daemontest.At(at, daemontest.Do("look", func(w *daemontest.World) {
			content, _ := w.File(statePath)
			_, rest, _ := strings.Cut(content, `"iteration":`)
			noted[at], _, _ = strings.Cut(rest, ",")
		}))
	}
	const half = time.Second / 2
	play(t, equipped(core.Every(time.Second/4), core.Execute(func(context.Context, *core.Daemon) error { return nil })), daemontest.Scenario{
		Steps: daemontest.Steps{
			look(half), look(1500 * time.Millisecond), look(time.Minute - half),
			look(10*time.Minute - half), look(10*time.Minute + 2*time.Second), look(20 * time.Minute), stopAt(1201),
		},
		Want: daemontest.Want{daemontest.Exit(0)},
	})
	require.Equal(t, map[time.Duration]string{
		half: "1", 1500 * time.Millisecond: "5", time.Minute - half: "237",
		10*time.Minute - half: "2365", 10*time.Minute + 2*time.Second: "2405", 20 * time.Minute: "4763",
	}, noted)
}

// Two daemons in one folder have a file each.
func TestADeathIsNotAnotherDaemons(t *testing.T) {
	declare := func(extra ...core.Option) *core.Daemon {
		return core.New("other", append([]core.Option{
			core.Every(time.Second), core.Execute(func(context.Context, *core.Daemon) error { return nil }),
			core.WithLock(lock.File("/run/other.lock")), core.WithAlerts(mail.Writer(os.Stdout), "ops@example.com"),
		}, extra...)...)
	}
	play(t, declare, daemontest.Scenario{
		Files: map[string]string{statePath: `{"pid":77,"host":"testhost","iteration":9}`},
		Steps: daemontest.Steps{stopAt(1.5)},
		Want:  daemontest.Want{deaths(0), daemontest.FileContains(statePath, `"pid":77`), daemontest.Exit(0)},
	})
}

// What cannot be a state file of this machine tells of no death, and what is none
// at all is left alone.
func TestForeignStateFiles(t *testing.T) {
	for content, c := range map[string]struct {
		deaths int
		stays  bool
	}{
		"":                              {0, false},
		" \x00\n":                       {0, false}, // what a crash of the machine left
		"not json":                      {0, true},
		`{"sites":[]}`:                  {0, true},
		`{"pid":-1,"host":"testhost"}`:  {0, true},
		`{"pid":77,"host":"elsewhere"}`: {0, false},
		`{"pid":77,"host":"testhost"}`:  {1, false},
		`{"pid":77,"host":"testhost","boot":900000000000000000}`: {0, false}, // the machine has started again
	} {
		t.Run(content, func(t *testing.T) {
			want := daemontest.Want{deaths(c.deaths), daemontest.Exit(0)}
			if c.stays {
				want = append(want, daemontest.FileContains(statePath, content),
					daemontest.Logs(statePath+" holds something else than a state file: move it away"))
			} else {
				want = append(want, daemontest.NoFile(statePath))
			}
			play(t, equipped(), daemontest.Scenario{
				Files: map[string]string{statePath: content}, Steps: daemontest.Steps{stopAt(1.5)}, Want: want,
			})
		})
	}
}

// A file that another one of the daemon's is, is no state file.
func TestTheStateFileHasAPathOfItsOwn(t *testing.T) {
	for _, args := range []string{"-p " + statePath, "-p " + statePath + " --check"} {
		play(t, equipped(), daemontest.Scenario{
			Args: args,
			Want: append(untouched(), daemontest.Exit(1), daemontest.Stderr("the PID file and the state file are both ")),
		})
	}
}

// Last words that stand behind the last line of the process are told.
func TestLastWordsAreTold(t *testing.T) {
	play(t, equipped(), daemontest.Scenario{
		Files: map[string]string{
			statePath: `{"pid":77,"host":"testhost","log":"` + logPath + `"}`,
			logPath:   "[2026-01-01 00:00:00] 77 beat 1\npanic: out of luck\n\ngoroutine 1 [running]:\n",
		},
		Steps: daemontest.Steps{stopAt(1.5)},
		Want:  daemontest.Want{daemontest.Logs("Its last words in " + logPath + ": panic: out of luck"), daemontest.Exit(0)},
	})
}
