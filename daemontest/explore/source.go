package explore

import (
	"fmt"
	"strings"
	"time"

	"github.com/evertick/evertick/clockwork"
)

// Source returns the life as Go source: a call of daemontest.Run to paste into a
// test. What is wanted is left to say.
func Source(l Life) string {
	var b strings.Builder
	counts := false
	for i, f := range l.Functions {
		if f.Call != 0 {
			if !counts {
				counts = true
				b.WriteString("\t// These outlive a play: use -daemontest.check=1.\n")
			}
			fmt.Fprintf(&b, "\tvar calls%d atomic.Int64\n", i)
		}
	}
	b.WriteString("\tdaemontest.Run(t, func(extra ...core.Option) *core.Daemon {\n\t\t" + l.declares() + "core.New(\"poller\", append([]core.Option{\n")
	for _, o := range l.optionSources() {
		fmt.Fprintf(&b, "\t\t\t%s,\n", o)
	}
	for i, f := range l.Functions {
		fmt.Fprintf(&b, "\t\t\t%s,\n", f.source(i))
	}
	for _, f := range l.Forks {
		fmt.Fprintf(&b, "\t\t\t%s,\n", f.source())
	}
	b.WriteString("\t\t}, extra...)...)\n" + l.limitsSource() + "\t}, daemontest.Scenario{\n")
	if len(l.Forks) > 0 {
		b.WriteString("\t\tChildren: explore.Children(),\n")
	}
	if args := l.args(); args != "" {
		fmt.Fprintf(&b, "\t\tArgs: %q,\n", args)
	}
	if l.Supervised {
		b.WriteString("\t\tSupervised: true,\n")
	}
	fmt.Fprintf(&b, "\t\tSeed: %d,\n\t\tExecute: %s,\n\t\tSteps: daemontest.Steps{\n", l.Seed, l.scriptSource())
	for _, s := range append(l.Steps[:len(l.Steps):len(l.Steps)], l.mends()...) {
		fmt.Fprintf(&b, "\t\t\t%s,\n", l.stepSource(s))
	}
	fmt.Fprintf(&b, "\t\t\t%s,\n\t\t},\n\t})\n", l.stepSource(Step{At: l.end(), Does: Term}))
	return b.String()
}

// source returns a duration as Go source.
func source(d time.Duration) string {
	for _, unit := range []struct {
		d    time.Duration
		name string
	}{{time.Hour, "Hour"}, {time.Second, "Second"}, {time.Millisecond, "Millisecond"}, {time.Microsecond, "Microsecond"}, {1, "Nanosecond"}} {
		switch {
		case d == 0:
			return "0"
		case d == unit.d:
			return "time." + unit.name
		case d%unit.d == 0:
			return fmt.Sprintf("%d*time.%s", d/unit.d, unit.name)
		}
	}
	return "" // never: a nanosecond fits
}

// declares is what stands before the declaration.
func (l *Life) declares() string {
	if l.MaxChildren > 0 || l.ChildTimeout > 0 || l.QueueChildren {
		return "d := "
	}
	return "return "
}

// limitsSource returns what limitChildren does, as Go source.
func (l *Life) limitsSource() string {
	var b strings.Builder
	if l.declares() == "return " {
		return ""
	}
	if l.MaxChildren > 0 {
		fmt.Fprintf(&b, "\t\td.Children().Max = %d\n", l.MaxChildren)
	}
	if l.ChildTimeout > 0 {
		fmt.Fprintf(&b, "\t\td.Children().Timeout = %s\n", source(l.ChildTimeout))
	}
	if l.QueueChildren {
		b.WriteString("\t\td.Children().Full = forker.Queue\n")
	}
	return b.String() + "\t\treturn d\n"
}

// stage returns the option of a place that is no hook.
func (p Place) stage() string {
	return map[Place]string{Check: "CheckEnvironment", WarmUp: "WarmUp", Setup: "Setup", Teardown: "Teardown"}[p]
}

// optionSources returns what options does, as Go source.
func (l *Life) optionSources() []string {
	sources := []string{"core.Every(" + source(l.Interval) + ")"}
	add := func(is bool, text string) {
		if is {
			sources = append(sources, text)
		}
	}
	add(l.Missed == clockwork.Skip, "core.MissedTicks(core.Skip)")
	add(l.Missed == clockwork.CatchUp, "core.MissedTicks(core.CatchUp)")
	add(true, "core.RestartBackoff(time.Second, 4*time.Second)")
	add(true, fmt.Sprintf("core.WithLog(logfile.Fixed(%q))", logPath))
	add(true, `core.WithAlerts(mail.Writer(io.Discard), "ops@example.com")`)
	add(l.IterationTimeout > 0, "core.IterationTimeout("+source(l.IterationTimeout)+")")
	add(l.ShutdownTimeout > 0, "core.ShutdownTimeout("+source(l.ShutdownTimeout)+")")
	add(l.MaxFailures > 0, fmt.Sprintf("core.MaxConsecutiveFailures(%d)", l.MaxFailures))
	add(l.MaxRestarts > 0, fmt.Sprintf("core.MaxRestarts(%d, time.Minute)", l.MaxRestarts))
	add(l.Lock == File, fmt.Sprintf("core.WithLock(lock.File(%q))", fileLock))
	add(l.Lock == Leased, fmt.Sprintf("core.WithLock(daemontest.Leased(%q, %s))", leasedURL, source(l.TTL)))
	add(l.Standby, "core.Standby()")
	add(l.Unwatched, "core.Unwatched()")
	return sources
}

// hooks are the names of the places that are hooks.
var hooks = map[Place]string{
	Init: "HookInit", PreExecute: "HookPreExecute", PostExecute: "HookPostExecute", Idle: "HookIdle",
	OnSignal: "HookSignal", OnRestart: "HookRestart",
}

// source returns the function's option as Go source.
func (f Function) source(i int) string {
	once := func(back string) string {
		if f.Call == 0 {
			return ""
		}
		return fmt.Sprintf("if calls%d.Add(1) != %d {\n\t\t\t\t\t%s\n\t\t\t\t}\n\t\t\t\t", i, f.Call, back)
	}
	if hook := hooks[f.At]; hook != "" {
		return fmt.Sprintf("core.On(core.%s, func(ctx context.Context, d *core.Daemon, _ core.HookInfo) {\n\t\t\t\t%sif err := (%s)(ctx, d); err != nil {\n\t\t\t\t\tpanic(err)\n\t\t\t\t}\n\t\t\t})",
			hook, once("return"), f.Does.source(f.For))
	}
	name := f.At.stage()
	if f.Call == 0 {
		return fmt.Sprintf("core.%s(%s)", name, f.Does.source(f.For))
	}
	return fmt.Sprintf("core.%s(func(ctx context.Context, d *core.Daemon) error {\n\t\t\t\t%sreturn (%s)(ctx, d)\n\t\t\t})",
		name, once("return nil"), f.Does.source(f.For))
}

// source returns what run does, as the source of a core.Func.
func (does Deed) source(takes time.Duration) string {
	if does == Hangs {
		return "daemontest.Hangs"
	}
	return "func(ctx context.Context, d *core.Daemon) error { " + map[Deed]string{
		Takes:    "return clockwork.Sleep(ctx, d.Clock(), " + source(takes) + ")",
		Sleeps:   "return clockwork.Sleep(context.Background(), d.Clock(), " + source(takes) + ")",
		Waits:    "return clockwork.Sleep(ctx, d.Clock(), 10*time.Minute)",
		Fails:    `return errors.New("boom")`,
		Panics:   `panic("argh")`,
		Fatals:   `d.Fatalf("fatal"); return nil`,
		Goexits:  "runtime.Goexit(); return nil",
		Stops:    `d.Stop("asked from inside"); return nil`,
		Restarts: `d.Restart("asked from inside"); return nil`,
	}[does] + " }"
}

func (l *Life) scriptSource() string {
	b := new(strings.Builder)
	fmt.Fprintf(b, "daemontest.Takes(%s)", source(l.Execute))
	for _, i := range l.Iterations {
		switch i.Does {
		case Takes:
			fmt.Fprintf(b, ".Except(%d, %s)", i.N, source(i.For))
		case Fails:
			fmt.Fprintf(b, `.FailsAt(%d, errors.New("boom"))`, i.N)
		case Panics:
			fmt.Fprintf(b, `.PanicsAt(%d, "argh")`, i.N)
		case Hangs:
			fmt.Fprintf(b, ".HangsAt(%d)", i.N)
		default:
			fmt.Fprintf(b, ".DoesAt(%d, %s)", i.N, i.Does.source(i.For))
		}
	}
	return b.String()
}

func (l *Life) stepSource(s Step) string {
	text := fmt.Sprintf("daemontest.At(%s, daemontest.%s)", source(s.At), l.actionSource(s))
	if s.Any {
		text += ".AnyOrder()"
	}
	return text
}

// actionSource returns what action does, as Go source behind "daemontest.".
func (l *Life) actionSource(s Step) string {
	down := `(errors.New("down"))`
	switch s.Does {
	case SendStop, SendRestart, SendDump:
		return fmt.Sprintf("Command(%q)", string(s.Does)+" -p "+pidPath)
	case RunSecond:
		return fmt.Sprintf("Command(%q)", l.args())
	case LockSlow:
		return "LockTakes(" + source(s.For) + ")"
	case MailSlow:
		return "MailTakes(" + source(s.For) + ")"
	case LockClock:
		return "StepLockClock(" + source(s.For) + ")"
	case Suspended:
		return "Suspend(" + source(s.For) + ")"
	case KillChildren:
		return `SignalChild("", 0, syscall.SIGKILL)`
	case WallClock:
		return "StepWallClock(" + source(s.For) + ")"
	case LockFreed:
		return fmt.Sprintf("FreeLock(%q)", l.lockURL())
	case LockStolen:
		return fmt.Sprintf("StealLock(%q)", l.lockURL())
	case KillWatcher, HaltWatcher, ContWatcher:
		return fmt.Sprintf("SignalWatcher(syscall.%s)", strings.TrimSuffix(string(s.Does), " to the watcher"))
	case NoPIDFile:
		return fmt.Sprintf("RemoveFile(%q)", pidPath)
	case NoLogFile:
		return fmt.Sprintf("RemoveFile(%q)", logPath)
	default:
	}
	if text := map[Action]string{
		LockOutage: "LockOutage" + down, LockBack: "LockOutage(nil)", LockLost: "LockAnswersLost" + down, LockAnswers: "LockAnswersLost(nil)",
		LockPaused: "LockPauses(true)", LockResumed: "LockPauses(false)", LockBlind: "LockUnwatched" + down, LockWatched: "LockUnwatched(nil)",
		DiskFull: "DiskFull(true)", DiskFree: "DiskFull(false)",
		MailDown: "MailDown" + down, MailBack: "MailDown(nil)", BinaryBroken: "BreakBinary" + down, BinaryHangs: "HangBinary()",
		BinaryLost: "LoseBinary()", BinaryBack: "BreakBinary(nil)",
		NoWatchers: "RefuseWatchers(syscall.EAGAIN)", WatchersBack: "RefuseWatchers(nil)",
	}[s.Does]; text != "" {
		return text
	}
	return fmt.Sprintf("Signal(syscall.%s)", s.Does)
}

// source returns what the fork does, as Go source.
func (f Fork) source() string {
	call := map[ChildKind]string{
		Plain: "_, _ = explore.Start(d, explore.%s, %s)", Outliving: "_, _ = explore.Start(d, explore.%s, %s, forker.OutliveRestart())",
		Called: "_, _, _ = explore.Submit(d, explore.%s, %s)",
	}[f.As]
	text := fmt.Sprintf("for range %d {\n%s\n}", f.Many, fmt.Sprintf(call, deedNames[f.Does], source(f.For)))
	if f.At == PreExecute {
		text = fmt.Sprintf("if d.Iteration() == %d {\n%s\n}", f.N, text)
	}
	if hook := hooks[f.At]; hook != "" {
		return fmt.Sprintf("core.On(core.%s, func(_ context.Context, d *core.Daemon, _ core.HookInfo) {\n%s\n})", hook, text)
	}
	return fmt.Sprintf("core.%s(func(_ context.Context, d *core.Daemon) error {\n%s\nreturn nil\n})", f.At.stage(), text)
}

// deedNames are the names of the deeds of children.
var deedNames = map[Deed]string{
	Takes: "Takes", Sleeps: "Sleeps", Hangs: "Hangs", Fails: "Fails", Panics: "Panics", Crashes: "Crashes",
}
