package daemontest

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/lock"
	"github.com/evertick/evertick/logfile"
)

// beater is a daemon with a file of each kind in Dir.
func beater(extra ...core.Option) *core.Daemon {
	return core.New("beater", append([]core.Option{
		core.Every(time.Second),
		core.WithLock(lock.File("d.lock")),
		core.WithLog(logfile.Fixed("d.log")),
		core.Execute(func(_ context.Context, d *core.Daemon) error {
			d.Logf("beat %d", d.Iteration())
			return nil
		}),
	}, extra...)...)
}

// with is the daemon with more options.
func with(declare NewFunc, more ...core.Option) NewFunc {
	return func(extra ...core.Option) *core.Daemon { return declare(append(more, extra...)...) }
}

// A lock file that is deleted lets a second daemon in, until the first finds
// out. (lock: TestASecondOwnerAfterAnUnlink is its real twin.)
func TestADeletedLockFileLetsASecondDaemonIn(t *testing.T) {
	Run(t, with(beater, core.Every(time.Hour)), Scenario{
		Args: "-p d.pid",
		Steps: Steps{
			At(3*time.Second, RemoveFile("d.lock"), Command("-p e.pid")),
			At(60*time.Second, Command("-s stop -p e.pid")),
		},
		Want: Want{
			EndsAt(10 * time.Second), Logs("Lock Lost: file:/world/d.lock"), Exit(1), ExitOf("-p e.pid", 0), ExitOf("-s stop -p e.pid", 0),
		},
	})
}

// -s finds the daemon by the lock on the file, and not by what it holds.
func TestPIDFilesAreRealFiles(t *testing.T) {
	const stop = "-s stop -p d.pid"
	for what, c := range map[string]struct {
		action Action
		status int
		says   string
	}{
		"renamed":        {RenameFile("d.pid", "other.pid"), 1, "there is none"},
		"replaced":       {WriteFile("d.pid", "100\n"), 1, "it names process 100, but the daemon that wrote it is gone"},
		"overwritten":    {OverwriteFile("d.pid", "4711\n"), 1, "it names process 4711"},
		"cut to nothing": {OverwriteFile("d.pid", ""), 1, "it is empty"},
		"as it was":      {StepWallClock(0), 0, ""},
	} {
		t.Run(what, func(t *testing.T) {
			Run(t, beater, Scenario{
				Args: "-p d.pid", Execute: Instantly(),
				Steps: Steps{At(1500*time.Millisecond, c.action), At(1600*time.Millisecond, Command(stop)), stopAt(5 * time.Second).Maybe()},
				Want:  Want{ExitOf(stop, c.status), Stderr(c.says), Exit(0)},
			})
		})
	}
}

// A log that is emptied in place goes on at its start; one that is renamed goes
// on in a new file.
func TestLogsAreRealFiles(t *testing.T) {
	Run(t, beater, Scenario{
		Steps: Steps{
			At(1500*time.Millisecond, OverwriteFile("d.log", "")),
			At(2500*time.Millisecond, RenameFile("d.log", "d.log.1")),
			stopAt(3500 * time.Millisecond),
		},
		Want: Want{
			FileContains("d.log.1", "beat 3"), FileContains("d.log", "beat 4"), Exit(0),
			Check("no beat twice", func(r *Result) error {
				if first, _ := r.World().File("d.log.1"); strings.Contains(first, "beat 2") {
					return errors.New(first)
				}
				return nil
			}),
		},
	})
}

// What is not there is refused, as on a real machine.
func TestFoldersMustBeThere(t *testing.T) {
	for args, declare := range map[string]NewFunc{
		"-p no/d.pid": beater,
		"-p .":        beater,
		"-d":          with(beater, core.WithLog(logfile.Fixed("no/d.log"))),
		"-v":          with(beater, core.WithLog(logfile.Fixed("."))),
		"-dv":         with(beater, core.WithLog(logfile.Fixed("."))),
		"":            with(beater, core.WithLock(lock.File("/srv/no/d.lock"))),
		"-p d.lock":   beater,
	} {
		t.Run(args, func(t *testing.T) {
			Run(t, declare, Scenario{Args: args, Execute: Instantly(), Want: Want{Exit(1), Iterations(0)}})
		})
	}
}

// The daemon's own code sees the files of the scenario, and they see what it
// writes.
func TestTheDaemonsOwnCodeSeesTheFiles(t *testing.T) {
	Run(t, beater, Scenario{
		Args:  "-d",
		Files: map[string]string{"urls.txt": "https://example.com\n"},
		Execute: Does(func(_ context.Context, d *core.Daemon) error {
			urls, err := os.ReadFile(d.Path("urls.txt"))
			if err != nil {
				return err
			}
			if _, err := os.ReadFile(d.Path("missing.txt")); err != nil {
				d.Logf("%v", err)
			}
			return os.WriteFile(d.Path("seen.txt"), urls, 0o644)
		}),
		Steps: Steps{
			At(1500*time.Millisecond, Do("the user's own look", func(w *World) {
				if _, err := os.Stat(w.Path("seen.txt")); err != nil {
					w.Fail("%v", err)
				}
			})),
			stopAt(1500 * time.Millisecond),
		},
		Want: Want{
			FileContains("seen.txt", "https://example.com"), Failures(0), Exit(0),
			Logs("open /world/missing.txt: no such file or directory"),
		},
	})
}

// What SIGKILL ends runs no deferred function, its contexts do not end, and what
// it goes on with reaches no file.
func TestWhatIsKilledCleansNothingUp(t *testing.T) {
	state := func(_ context.Context, d *core.Daemon) error {
		if err := os.WriteFile(d.Path("state.tmp"), nil, 0o644); err != nil {
			return err
		}
		defer func() { _ = os.Remove(d.Path("state.tmp")) }()
		time.Sleep(300 * time.Millisecond)
		return os.WriteFile(d.Path("state"), nil, 0o644)
	}
	waits := func(ctx context.Context, d *core.Daemon) error {
		defer d.Logf("it was cancelled")
		path := d.Path("cancelled")
		<-ctx.Done()
		return os.WriteFile(path, nil, 0o644)
	}
	for _, execute := range []core.Func{state, waits} {
		Run(t, beater, Scenario{
			Execute: Does(execute),
			Files:   map[string]string{"state.tmp": ""},
			Steps: Steps{
				At(200*time.Millisecond, Signal(syscall.SIGKILL)),
				At(time.Minute, Do("time passes", func(*World) {})),
			},
			Want: Want{Killed(), FileContains("state.tmp", ""), NoFile("state"), NoFile("cancelled"), NoLog("cancelled")},
		})
	}
}

// What exec replaces neither ends nor writes, while the next program does.
func TestWhatIsReplacedIsGone(t *testing.T) {
	Run(t, beater, Scenario{
		Args: "-d",
		Options: []core.Option{core.Setup(func(ctx context.Context, d *core.Daemon) error {
			path := d.Path(fmt.Sprintf("started.%d", d.Restarts()))
			go func() {
				defer func() { _ = os.WriteFile(path, nil, 0o644) }()
				time.Sleep(5 * time.Second)
			}()
			return nil
		})},
		Execute: Instantly(),
		Steps:   Steps{At(2500*time.Millisecond, Signal(syscall.SIGHUP)), stopAt(9 * time.Second)},
		Want:    Want{Restarts(1), Exit(0), NoFile("started.0"), FileContains("started.1", "")},
	})
}

// A goroutine that a killed program leaves is not the scenario's fault; one that
// a program leaves that ends well is.
func TestLeftoversOfAKilledProgramAreSweptAway(t *testing.T) {
	opens := core.Setup(func(context.Context, *core.Daemon) error { // as sql.Open does
		go func() { <-make(chan int) }()
		return nil
	})
	life := Scenario{Options: []core.Option{opens}, Execute: Instantly()}
	life.Steps, life.Want = Steps{At(3*time.Second, Signal(syscall.SIGKILL))}, Want{Killed()}
	Run(t, beater, life)
	life.Steps, life.Want = Steps{stopAt(3 * time.Second)}, Want{Exit(0)}
	_, verdict := examine(t, beater, life)
	says(t, verdict, "goroutines were left behind", "TestLeftoversOfAKilledProgram")
}

// The standard output of a detached process is /dev/null.
func TestADetachedDaemonHasNoStandardOutput(t *testing.T) {
	Run(t, with(beater, core.WithLog(logfile.Fixed(""))), Scenario{
		Args: "-d -p d.pid", Execute: Instantly(),
		Options: []core.Option{core.Setup(func(_ context.Context, d *core.Daemon) error {
			d.Logf("to nowhere")
			return nil
		})},
		Steps: Steps{stopAt(2500 * time.Millisecond)},
		Want: Want{Exit(0), Check("nothing on standard output", func(r *Result) error {
			if out := r.World().Stdout(); strings.Contains(out, "to nowhere") {
				return errors.New(out)
			}
			return nil
		})},
	})
}

// Nobody reads standard output, or its reader is gone: the daemon beats on.
// (core/host and logfile have the real twins.)
func TestStandardOutputMayBlockAndBreak(t *testing.T) {
	Run(t, beater, Scenario{
		Args: "-v",
		Steps: Steps{
			At(1500*time.Millisecond, StdoutBlocks(true)), At(5500*time.Millisecond, StdoutBlocks(false)),
			At(6500*time.Millisecond, StdoutBreaks()), stopAt(9500 * time.Millisecond),
		},
		Want: Want{
			Iterations(10), Exit(0), Stdout("beat 2"), Stdout("beat 5"), FileContains("d.log", "beat 10"),
			FileContains("d.log", "Warning: standard output cannot be written: write standard output: broken pipe"),
		},
	})
}

// While the machine sleeps, a lease in a network expires: the timers have not
// noticed, but boot time has.
func TestASuspendedMachineLosesItsLease(t *testing.T) {
	Run(t, with(beater, core.WithLock(Leased("memory:poller", 4*time.Second))), Scenario{
		Args: "-d", Execute: Instantly(),
		Steps: Steps{At(3500*time.Millisecond, Suspend(time.Hour)), stopAt(9 * time.Second)},
		Want: Want{
			Logs("Lock Lost"), Restarts(1), Exit(0), LockReleased(),
			Check("the wall clock has gone on", func(r *Result) error {
				if log, _ := r.World().File("d.log"); !strings.Contains(log, "[2026-01-01 01:00:0") {
					return errors.New(log)
				}
				return nil
			}),
		},
	})
}

// time.Now agrees with the scenario's start.
func TestTimeNowIsTheScenariosTime(t *testing.T) {
	start := time.Date(2031, 5, 6, 7, 8, 9, 0, time.UTC)
	Run(t, beater, Scenario{
		Start: start,
		Execute: Does(func(_ context.Context, d *core.Daemon) error {
			if now := time.Now(); now.Sub(d.Clock().Wall()).Abs() > time.Microsecond || now.Before(start) {
				return fmt.Errorf("time.Now is %s, the wall clock %s", now, d.Clock().Wall())
			}
			return nil
		}),
		Steps: Steps{stopAt(2500 * time.Millisecond)},
		Want:  Want{Failures(0), Iterations(3), Exit(0)},
	})
}

// A full disk cuts a line off; the log mends that when there is room again.
func TestADiskFillsUpInALine(t *testing.T) {
	Run(t, beater, Scenario{
		Steps: Steps{
			At(1500*time.Millisecond, DiskRoom(20)), At(3500*time.Millisecond, DiskRoom(-1)),
			At(4500*time.Millisecond, DiskReadOnly(true)), At(5500*time.Millisecond, DiskReadOnly(false)),
			stopAt(6500 * time.Millisecond),
		},
		Want: Want{
			Exit(0), Iterations(7),
			Check("each beat on a line of its own", func(r *Result) error {
				log, _ := r.World().File("d.log")
				for n := 1; n <= 7; n++ {
					if !strings.Contains(log, fmt.Sprintf(" beat %d\n", n)) {
						return fmt.Errorf("beat %d is missing in\n%s", n, log)
					}
				}
				return nil
			}),
		},
	})
}

// What the program tells slog.Default and package log can be taken into the
// timeline, and afterwards they are as before.
func TestSlogIsCaptured(t *testing.T) {
	before, flags := slog.Default(), log.Flags()
	Run(t, beater, Scenario{
		Slog: true,
		Execute: Does(func(_ context.Context, d *core.Daemon) error {
			slog.Info("fetched", "rows", d.Iteration())
			log.Print("by package log")
			return nil
		}),
		Steps: Steps{stopAt(1500 * time.Millisecond)},
		Want:  Want{Logs("level=INFO msg=fetched rows=2"), Logs(`level=INFO msg="by package log"`), Exit(0)},
	})
	if slog.Default() != before || log.Flags() != flags {
		t.Error("the default loggers are not what they were")
	}
}

// Paths of the daemon's own code may lead out of Dir, too.
func TestTheDaemonsOwnCodeMayLeaveItsFolder(t *testing.T) {
	Run(t, beater, Scenario{
		Execute: Does(func(_ context.Context, d *core.Daemon) error {
			return os.WriteFile(d.Path("../srv/seen"), []byte("x"), 0o644)
		}),
		Files: map[string]string{"/srv/": ""},
		Steps: Steps{stopAt(500 * time.Millisecond)},
		Want:  Want{Exit(0), FileContains("/srv/seen", "x")},
	})
}

// Execute may listen for signals of its own. (The first signal.Notify in a bubble
// would end the test binary: run alone, this test shows it.)
func TestExecuteMayListenForSignals(t *testing.T) {
	Run(t, beater, Scenario{
		Execute: Does(func(ctx context.Context, _ *core.Daemon) error {
			_, stop := signal.NotifyContext(ctx, syscall.SIGUSR2)
			stop()
			return nil
		}),
		Steps: Steps{stopAt(500 * time.Millisecond)},
		Want:  Want{Exit(0)},
	})
}

// What was killed or replaced does not go on when a timer of its clock is due,
// in files that it has open either.
func TestATimerFiresForTheProgramThatMadeIt(t *testing.T) {
	declare := with(beater, core.Setup(func(_ context.Context, d *core.Daemon) error {
		file, err := os.Create(d.Path(fmt.Sprintf("%d", d.Restarts())))
		timer := d.Clock().NewTimer(time.Second)
		go func() {
			defer file.Close()
			for range 3 {
				<-timer.C()
				_, _ = file.WriteString("x")
				timer.Reset(2 * time.Second)
			}
		}()
		return err
	}))
	written := func(name, want string) Expectation {
		return Check(want+" in "+name, func(r *Result) error {
			if got, _ := r.World().File(name); got != want {
				return errors.New(got)
			}
			return nil
		})
	}
	Run(t, declare, Scenario{
		Steps: Steps{
			At(4500*time.Millisecond, Signal(syscall.SIGHUP)),
			At(8500*time.Millisecond, Signal(syscall.SIGKILL)),
			At(20*time.Second, Do("look", func(*World) {})),
		},
		Want: Want{Restarts(1), Killed(), written("0", "xx"), written("1", "xx")},
	})
}

// A slow disk holds up who logs: the loop. Time goes on meanwhile.
func TestASlowDiskHoldsUpWhoLogs(t *testing.T) {
	Run(t, poller, Scenario{
		Execute: Does(func(_ context.Context, d *core.Daemon) error {
			d.Logf("beat %d", d.Iteration())
			return nil
		}),
		Steps: Steps{At(time.Second, DiskTakes(6*time.Second)), At(18*time.Second, DiskTakes(0)), stopAt(26 * time.Second)},
		Want: Want{
			Overruns(1), LogsTimes("beat", 4), Exit(0),
			Check("iterations are late", func(r *Result) error {
				if starts := fmt.Sprint(r.Starts()); starts != "[0s 5s 23s 25s]" {
					return errors.New(starts)
				}
				return nil
			}),
		},
	})
}
