package core_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/daemontest"
	"github.com/evertick/evertick/logfile"
	"github.com/evertick/evertick/logfile/retain"
	"github.com/evertick/evertick/logfile/slogger"
)

// beat is an Execute that logs its number.
func beat(_ context.Context, d *core.Daemon) error {
	d.Logf("beat %d", d.Iteration())
	return nil
}

// says is an Execute that logs once, in its own way.
func says(say func(d *core.Daemon)) daemontest.Script {
	return daemontest.Does(func(_ context.Context, d *core.Daemon) error {
		say(d)
		d.Stop("enough")
		return nil
	})
}

// beatsIn wants exactly these beats in a file, in this order.
func beatsIn(path string, numbers ...int) daemontest.Expectation {
	return daemontest.Check("beats in "+path, func(r *daemontest.Result) error {
		content, _ := r.World().File(path)
		var got []int
		for line := range strings.Lines(content) {
			var n int
			if _, text, ok := strings.Cut(line, " beat "); ok {
				if _, err := fmt.Sscan(text, &n); err != nil {
					return err
				}
				got = append(got, n)
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(numbers) {
			return fmt.Errorf("want %v, got %v", numbers, got)
		}
		return nil
	})
}

// Each line of a message has the prefix, and control characters cannot forge a
// line or colour a terminal.
func TestNoMessageForgesALine(t *testing.T) {
	play(t, equipped(), daemontest.Scenario{
		Execute: says(func(d *core.Daemon) {
			d.Logf("first\nsecond\n")
			d.Logf("red \x1b[31m, back \r[2026-01-01 00:00:00] 1 forged, bell \a, nul \x00, bad \xff, right-to-left \u202e, fine é €\t.")
			d.Logf("%s", "100% plain")
		}),
		Want: daemontest.Want{
			daemontest.FileContains(logPath, "\n[2026-01-01 00:00:00] 100 first\n[2026-01-01 00:00:00] 100 second\n[2026-01-01 00:00:00] 100 red"),
			daemontest.FileContains(logPath, `100 red \x1b[31m, back \r[2026-01-01 00:00:00] 1 forged, bell \a, nul \x00, bad \xff, right-to-left \u202e, fine é €`+"\t.\n"),
			daemontest.FileContains(logPath, "100 100% plain\n"),
		},
	})
}

// The slog Logger writes to the same log, its attributes behind the message.
func TestTheSlogLoggerWritesToTheLog(t *testing.T) {
	play(t, equipped(), daemontest.Scenario{
		Execute: says(func(d *core.Daemon) {
			log := slogger.New(d).With("job", 7).WithGroup("db")
			log.Info("fetched", "rows", 12, "table", "a b")
			log.Warn("slow\nindeed")
			log.Error("broken", "line", "x\ny")
			log.Debug("not shown")
		}),
		Want: daemontest.Want{
			daemontest.FileContains(logPath, "] 100 fetched job=7 db.rows=12 db.table=\"a b\"\n"),
			daemontest.FileContains(logPath, "] 100 Warning: slow\n[2026-01-01 00:00:00] 100 indeed job=7\n"),
			daemontest.FileContains(logPath, "] 100 Error: broken job=7 db.line=\"x\\ny\"\n"),
			daemontest.NoLog("not shown"),
		},
	})
}

// As JSON each line is one object, by Logf and by slog alike.
func TestAJSONLogIsObjects(t *testing.T) {
	play(t, equipped(core.WithJSONLog()), daemontest.Scenario{
		Execute: says(func(d *core.Daemon) {
			d.Logf("two\nlines")
			slogger.New(d).Warn("slow", slog.Int("rows", 12))
		}),
		Want: daemontest.Want{daemontest.Check("JSON", func(r *daemontest.Result) error {
			content, _ := r.World().File(logPath)
			found := map[string]map[string]any{}
			for line := range strings.Lines(content) {
				var object map[string]any
				if err := json.Unmarshal([]byte(line), &object); err != nil {
					return fmt.Errorf("%q: %w", line, err)
				}
				if object["pid"] != 100.0 || object["time"] != "2026-01-01T00:00:00Z" {
					return fmt.Errorf("pid or time are wrong: %q", line)
				}
				found[fmt.Sprint(object["msg"])] = object
			}
			if found["two\nlines"]["level"] != "INFO" || found["slow"]["level"] != "WARN" || found["slow"]["rows"] != 12.0 {
				return fmt.Errorf("objects: %v", found)
			}
			return nil
		})},
	})
}

// A daily log turns to the next file at midnight, each with its header.
func TestADailyLogRotatesAtMidnight(t *testing.T) {
	play(t, equipped(core.WithLog(logfile.Daily("/var/log/poller"))), daemontest.Scenario{
		Start:   time.Date(2026, 11, 23, 23, 59, 58, 0, time.UTC),
		Execute: daemontest.Does(beat),
		Steps:   daemontest.Steps{stopAt(4.5)},
		Want: daemontest.Want{
			beatsIn("/var/log/poller/2026-11-23.log", 1, 2), beatsIn("/var/log/poller/2026-11-24.log", 3, 4, 5),
			daemontest.FileContains("/var/log/poller/2026-11-24.log", "[2026-11-24 00:00:00] 100 Log Opened: poller on testhost\n[2026-11-24 00:00:00] 100 beat 3\n"),
			daemontest.FileContains("/var/log/poller/2026-11-24.log", "Exit status: 0\n"),
		},
	})
}

// A relative log path means the folder where the command was typed, also after
// a restart.
func TestARelativeLogPathMeansWhereTheCommandWasTyped(t *testing.T) {
	play(t, equipped(core.WithLog(logfile.Fixed("logs/p.log"))), daemontest.Scenario{
		Args:    "-d",
		Files:   map[string]string{"logs/": ""},
		Execute: daemontest.Does(beat),
		Steps:   daemontest.Steps{at(1.5, hup), stopAt(2.5)},
		Want:    daemontest.Want{beatsIn(daemontest.Dir+"/logs/p.log", 1, 2, 3), daemontest.Exit(0)},
	})
}

// A log file that logrotate renames or somebody deletes is noticed, and a new
// one is opened under its name.
func TestALogFileThatIsTakenAwayIsReopened(t *testing.T) {
	play(t, equipped(), daemontest.Scenario{
		Execute: daemontest.Does(beat),
		Steps: daemontest.Steps{
			at(2.5, daemontest.RenameFile(logPath, logPath+".1")), at(4.5, daemontest.RenameFile(logPath, logPath+".2")),
			at(6.5, daemontest.RemoveFile(logPath)), stopAt(8.5),
		},
		Want: daemontest.Want{
			beatsIn(logPath+".1", 1, 2, 3), beatsIn(logPath+".2", 4, 5), beatsIn(logPath, 8, 9),
			daemontest.FileContains(logPath+".2", "Log Opened: poller on testhost"), daemontest.Exit(0),
		},
	})
}

// While the disk is full the log goes to standard output, which is said once;
// no line is lost once it can be written again.
func TestAFullDiskLosesNoLine(t *testing.T) {
	const said = "Warning: the log file " + logPath + " cannot be written, the log goes to standard output until it can"
	for _, args := range []string{"", "-v", "-d"} {
		t.Run("args "+args, func(t *testing.T) {
			printed, said := 1, said
			if args == "-d" {
				printed = 0
				said = strings.Replace(said, "the log goes to standard output", "up to 1 MiB of lines is held", 1)
			}
			play(t, equipped(), daemontest.Scenario{
				Args:    args,
				Execute: daemontest.Does(beat),
				Steps:   daemontest.Steps{at(2.5, daemontest.DiskFull(true)), at(5.5, daemontest.DiskFull(false)), stopAt(8.5)},
				Want: daemontest.Want{
					beatsIn(logPath, 1, 2, 3, 4, 5, 6, 7, 8, 9), daemontest.Exit(0),
					prints(said, printed), prints(" beat 4\n", printed), prints(" beat 6\n", printed),
					daemontest.FileContains(logPath, said+": write "+logPath+": no space left on device\n"),
					daemontest.FileContains(logPath, "The log file can be written again.\n"),
				},
			})
		})
	}
}

// Lines that are held for a full disk outlive a restart.
func TestHeldLinesOutliveARestart(t *testing.T) {
	play(t, equipped(), daemontest.Scenario{
		Args:    "-d",
		Execute: daemontest.Does(beat),
		Steps: daemontest.Steps{
			at(2.5, daemontest.DiskFull(true)), at(4.5, hup), at(6.5, daemontest.DiskFull(false)), stopAt(8.5),
		},
		Want: daemontest.Want{
			beatsIn(logPath, 1, 2, 3, 4, 5, 6, 7, 8, 9), daemontest.Restarts(1), daemontest.Exit(0),
			daemontest.FileContains(logPath, "up to 1 MiB of lines is held until it can"),
			daemontest.FileContains(logPath, "The log file can be written again.\n"),
		},
	})
}

// A rotation whose next file cannot be opened leaves the log in the one before,
// with a warning.
func TestARotationThatFailsLosesNoLine(t *testing.T) {
	const dir = "/var/log/poller/"
	play(t, equipped(core.WithLog(logfile.Daily(dir))), daemontest.Scenario{
		Args:    "-d",
		Start:   time.Date(2026, 11, 23, 23, 59, 58, 0, time.UTC),
		Execute: daemontest.Does(beat),
		Steps: daemontest.Steps{
			at(0.5, daemontest.DenyFile(dir+"2026-11-24.log", syscall.EACCES)),
			at(4.5, daemontest.DenyFile(dir+"2026-11-24.log", nil)), stopAt(6.5),
		},
		Want: daemontest.Want{
			beatsIn(dir+"2026-11-23.log", 1, 2, 3, 4, 5), beatsIn(dir+"2026-11-24.log", 6, 7), daemontest.Exit(0),
			daemontest.FileContains(dir+"2026-11-23.log", "2026-11-24.log cannot be opened, the log stays with the file before it until it can"),
		},
	})
}

// A daily log creates its folder, keeps as many files as it is told, and touches
// nothing of others.
func TestADailyLogIsCleanedUp(t *testing.T) {
	const dir = "/var/log/nightly/"
	play(t, func(extra ...core.Option) *core.Daemon {
		return equipped(core.WithLog(logfile.Daily(dir)), core.CleanLog(retain.New(retain.Rules{Files: 2})), core.Every(time.Hour))(extra...)
	}, daemontest.Scenario{
		Start:   time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC),
		Execute: daemontest.Does(beat),
		Steps: daemontest.Steps{
			at(3600, daemontest.WriteFile(dir+"2026-11-01.log", "not of this daemon\n")), stopAt(4 * 24 * 3600),
		},
		Want: daemontest.Want{
			daemontest.FileContains(dir+"2026-11-01.log", "not of this daemon"),
			daemontest.NoFile(dir + "2026-11-23.log"), daemontest.NoFile(dir + "2026-11-25.log"),
			daemontest.FileContains(dir+"2026-11-26.log", "Log Cleaned: deleted 2026-11-24.log (more than 2 files)"),
			daemontest.FileContains(dir+"2026-11-27.log", "Log Cleaned: deleted 2026-11-25.log (more than 2 files)"),
			daemontest.Exit(0),
		},
	})
}

// Rules that mean nothing are refused at the start.
func TestRulesOfTheLogAreChecked(t *testing.T) {
	play(t, equipped(core.CleanLog(retain.New(retain.Rules{Files: -1}))), daemontest.Scenario{
		Want: daemontest.Want{daemontest.Exit(1), daemontest.Stderr("retain: "), daemontest.NeverReady()},
	})
}

// The paths of standard streams are taken as such.
func TestAStandardStreamAsLogFile(t *testing.T) {
	for path, stdout := range map[string]int{logfile.Stdout: 1, logfile.Stderr: 0, logfile.Null: 0} {
		play(t, equipped(core.WithLog(logfile.Fixed(path))), daemontest.Scenario{
			Execute: daemontest.Does(beat),
			Steps:   daemontest.Steps{stopAt(1.5)},
			Want: daemontest.Want{
				prints(" beat 2\n", stdout), daemontest.Exit(0),
				daemontest.Check("standard error", func(r *daemontest.Result) error {
					if got := strings.Count(r.World().Stderr(), " beat 2\n"); (got == 1) != (path == logfile.Stderr) {
						return fmt.Errorf("beat 2 is there %d times", got)
					}
					return nil
				}),
			},
		})
	}
}

// prints wants standard output to hold text n times.
func prints(text string, n int) daemontest.Expectation {
	return daemontest.Check(fmt.Sprintf("%d times %q on standard output", n, text), func(r *daemontest.Result) error {
		if got := strings.Count(r.World().Stdout(), text); got != n {
			return fmt.Errorf("it is there %d times: %q", got, r.World().Stdout())
		}
		return nil
	})
}

// A disk that stays full to the end leaves everything on standard output, and
// the daemon none the worse.
func TestADiskThatStaysFullHarmsNothing(t *testing.T) {
	play(t, equipped(), daemontest.Scenario{
		Execute: daemontest.Does(beat),
		Steps:   daemontest.Steps{at(2.5, daemontest.DiskFull(true)), at(3.5, hup), stopAt(6.5)},
		Want: daemontest.Want{
			startsAt(0, 1, 2, 3, 4, 5, 6), beatsIn(logPath, 1, 2, 3), daemontest.Stdout(" beat 7\n"), daemontest.Stdout("Exit status: 0\n"),
			daemontest.Restarts(1), daemontest.Exit(0),
		},
	})
}

// What is held of the lines for a file that cannot be written has a bound, and
// what went beyond it is counted.
func TestLinesBeyondWhatIsHeldAreCounted(t *testing.T) {
	long := strings.Repeat("x", 200_000)
	play(t, equipped(), daemontest.Scenario{
		Execute: daemontest.Does(func(_ context.Context, d *core.Daemon) error {
			d.Logf("beat %d %s", d.Iteration(), long)
			return nil
		}),
		Steps: daemontest.Steps{at(0.5, daemontest.DiskFull(true)), at(10.5, daemontest.DiskFull(false)), stopAt(12.5)},
		Want: daemontest.Want{
			beatsIn(logPath, 1, 2, 3, 4, 5, 6, 12, 13), daemontest.FileContains(logPath, "5 lines went to standard output only."),
			daemontest.Stdout(" beat 11 "),
		},
	})
}

// The time of a line is the wall clock's, whatever step it makes.
func TestLinesHaveTheWallClocksTime(t *testing.T) {
	play(t, equipped(), daemontest.Scenario{
		Execute: daemontest.Does(beat),
		Steps:   daemontest.Steps{at(1.5, daemontest.StepWallClock(-time.Hour)), stopAt(2.5)},
		Want: daemontest.Want{
			daemontest.FileContains(logPath, "[2026-01-01 00:00:01] 100 beat 2\n[2025-12-31 23:00:02] 100 beat 3\n"), daemontest.Exit(0),
		},
	})
}

// A log that is deleted just before the end gets the last line in a new file.
func TestTheLastLineIsInALogThatWasDeletedJustNow(t *testing.T) {
	play(t, equipped(), daemontest.Scenario{
		Execute: daemontest.Does(func(_ context.Context, d *core.Daemon) error {
			d.Logf("beat") // for which the file was looked at in this second
			return nil
		}),
		Steps: daemontest.Steps{at(2.1, daemontest.RemoveFile(logPath)), stopAt(2.2)},
		Want:  daemontest.Want{daemontest.FileContains(logPath, "Shutdown Complete."), daemontest.Exit(0)},
	})
}
