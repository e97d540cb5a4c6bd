package explore

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/daemontest"
	"github.com/evertick/evertick/daemontest/internal/world"
	"github.com/evertick/evertick/lock"
	"github.com/evertick/evertick/logfile"
	"github.com/evertick/evertick/mail"
)

// The names that a life's scenario uses.
const (
	pidPath   = "poller.pid"
	logPath   = "/var/log/poller.log"
	fileLock  = "/run/poller.lock"
	fileURL   = "file:" + fileLock
	leasedURL = "memcached://cache/poller"
)

var (
	errBoom = errors.New("boom")
	errDown = errors.New("down")
)

// declare returns the daemon of the life. told is called in
// the life's own Setups and Teardowns, one at either end of the others, w at each
// fork, and reaped with each child that was reaped.
func (l *Life) declare(
	told func(d *core.Daemon, set bool, stage int), w forkWatcher, reaped func(h core.HookInfo),
) daemontest.NewFunc {
	calls := make([]atomic.Int64, len(l.Functions))
	return func(extra ...core.Option) *core.Daemon {
		options := l.options()
		options = append(options,
			core.Setup(func(_ context.Context, d *core.Daemon) error { told(d, true, 0); return nil }),
			core.Teardown(func(_ context.Context, d *core.Daemon) error { told(d, false, 0); return nil }),
		)
		for i, f := range l.Functions {
			options = append(options, f.At.option(func(ctx context.Context, d *core.Daemon) error {
				if n := calls[i].Add(1); f.Call != 0 && f.Call != n {
					return nil
				}
				return f.Does.run(ctx, d, f.For)
			}))
		}
		options = append(options,
			core.Setup(func(_ context.Context, d *core.Daemon) error { told(d, true, 1); return nil }),
			core.Teardown(func(_ context.Context, d *core.Daemon) error { told(d, false, 1); return nil }),
		)
		for _, f := range l.Forks {
			options = append(options, f.At.option(func(_ context.Context, d *core.Daemon) error {
				f.start(d, w)
				return nil
			}))
		}
		if len(l.Forks) > 0 {
			options = append(options, core.On(core.HookReap, func(_ context.Context, d *core.Daemon, h core.HookInfo) {
				if generation(d).Alive() { // else the next program may have the child
					reaped(h)
				}
			}))
		}
		d := core.New("poller", append(options, extra...)...)
		l.limitChildren(d)
		return d
	}
}

// options are those of the life's own fields.
func (l *Life) options() []core.Option {
	options := []core.Option{
		core.Every(l.Interval), core.MissedTicks(l.Missed),
		core.RestartBackoff(time.Second, 4*time.Second),
		core.WithLog(logfile.Fixed(logPath)),
		core.WithAlerts(mail.Writer(new(strings.Builder)), "ops@example.com"),
	}
	if l.IterationTimeout > 0 {
		options = append(options, core.IterationTimeout(l.IterationTimeout))
	}
	if l.ShutdownTimeout > 0 {
		options = append(options, core.ShutdownTimeout(l.ShutdownTimeout))
	}
	if l.MaxFailures > 0 {
		options = append(options, core.MaxConsecutiveFailures(l.MaxFailures))
	}
	if l.MaxRestarts > 0 {
		options = append(options, core.MaxRestarts(l.MaxRestarts, time.Minute))
	}
	switch l.Lock {
	case File:
		options = append(options, core.WithLock(lock.File(fileLock)))
	case Leased:
		options = append(options, core.WithLock(daemontest.Leased(leasedURL, l.TTL)))
	case NoLock:
	}
	if l.Standby {
		options = append(options, core.Standby())
	}
	if l.Unwatched {
		options = append(options, core.Unwatched())
	}
	return options
}

// lockURL returns the name of the lock in the world's store.
func (l *Life) lockURL() string {
	switch l.Lock {
	case File:
		return fileURL
	case Leased:
		return leasedURL
	default:
		return ""
	}
}

// option lets the daemon call f at the place.
func (p Place) option(f core.Func) core.Option {
	hook := func(h core.Hook) core.Option {
		return core.On(h, func(ctx context.Context, d *core.Daemon, _ core.HookInfo) {
			if err := f(ctx, d); err != nil {
				panic(err) // a handler has no other way to fail
			}
		})
	}
	switch p {
	case Check:
		return core.CheckEnvironment(f)
	case WarmUp:
		return core.WarmUp(f)
	case Setup:
		return core.Setup(f)
	case Teardown:
		return core.Teardown(f)
	case Init:
		return hook(core.HookInit)
	case PreExecute:
		return hook(core.HookPreExecute)
	case PostExecute:
		return hook(core.HookPostExecute)
	case Idle:
		return hook(core.HookIdle)
	case OnSignal:
		return hook(core.HookSignal)
	default:
		return hook(core.HookRestart)
	}
}

// run does the deed.
func (does Deed) run(ctx context.Context, d *core.Daemon, takes time.Duration) error {
	switch does {
	case Takes:
		return clockwork.Sleep(ctx, d.Clock(), takes)
	case Sleeps:
		return clockwork.Sleep(context.Background(), d.Clock(), takes)
	case Waits:
		return clockwork.Sleep(ctx, d.Clock(), 10*time.Minute)
	case Fails:
		return errBoom
	case Panics:
		panic("argh")
	case Fatals:
		d.Fatalf("fatal")
	case Goexits:
		runtime.Goexit()
	case Hangs:
		return daemontest.Hangs(ctx, d)
	case Stops:
		d.Stop("asked from inside")
	case Restarts:
		d.Restart("asked from inside")
	case Crashes: // a child's deed
	}
	return nil
}

// script returns the life's Execute.
func (l *Life) script() daemontest.Script {
	script := daemontest.Takes(l.Execute)
	for _, i := range l.Iterations {
		switch i.Does {
		case Takes:
			script = script.Except(i.N, i.For)
		case Fails:
			script = script.FailsAt(i.N, errBoom)
		case Panics:
			script = script.PanicsAt(i.N, "argh")
		case Hangs:
			script = script.HangsAt(i.N)
		default:
			script = script.DoesAt(i.N, func(ctx context.Context, d *core.Daemon) error { return i.Does.run(ctx, d, i.For) })
		}
	}
	return script
}

// args returns the life's command line.
func (l *Life) args() string {
	var args []string
	if l.Detached {
		args = append(args, "-d")
	}
	if l.PIDFile {
		args = append(args, "-p", pidPath)
	}
	return strings.Join(args, " ")
}

// plain are the actions that take nothing of the life or the step.
var plain = map[Action]daemontest.Action{
	LockOutage: daemontest.LockOutage(errDown), LockBack: daemontest.LockOutage(nil),
	LockLost: daemontest.LockAnswersLost(errDown), LockAnswers: daemontest.LockAnswersLost(nil),
	LockPaused: daemontest.LockPauses(true), LockResumed: daemontest.LockPauses(false),
	LockBlind: daemontest.LockUnwatched(errDown), LockWatched: daemontest.LockUnwatched(nil),
	DiskFull: daemontest.DiskFull(true), DiskFree: daemontest.DiskFull(false),
	MailDown: daemontest.MailDown(errDown), MailBack: daemontest.MailDown(nil),
	BinaryBroken: daemontest.BreakBinary(errDown), BinaryHangs: daemontest.HangBinary(),
	BinaryLost: daemontest.LoseBinary(), BinaryBack: daemontest.BreakBinary(nil),
	NoPIDFile: daemontest.RemoveFile(pidPath), NoLogFile: daemontest.RemoveFile(logPath),
	KillChildren: daemontest.SignalChild("", 0, syscall.SIGKILL),
	NoWatchers:   daemontest.RefuseWatchers(syscall.EAGAIN), WatchersBack: daemontest.RefuseWatchers(nil),
}

// action returns what the step does.
func (l *Life) action(s Step) daemontest.Action {
	if action, is := plain[s.Does]; is {
		return action
	}
	switch s.Does {
	case SendStop, SendRestart, SendDump:
		return daemontest.Command(string(s.Does) + " -p " + pidPath)
	case RunSecond:
		return daemontest.Command(l.args())
	case LockSlow:
		return daemontest.LockTakes(s.For)
	case LockFreed:
		return daemontest.FreeLock(l.lockURL())
	case LockStolen:
		return daemontest.StealLock(l.lockURL())
	case LockClock:
		return daemontest.StepLockClock(s.For)
	case Suspended:
		return daemontest.Suspend(s.For)
	case MailSlow:
		return daemontest.MailTakes(s.For)
	case WallClock:
		return daemontest.StepWallClock(s.For)
	case KillWatcher, HaltWatcher, ContWatcher:
		return daemontest.SignalWatcher(s.Does.signal())
	default:
		return daemontest.Signal(s.Does.signal())
	}
}

// signal returns the signal that the action sends; 0 where it is none.
func (a Action) signal() syscall.Signal {
	return map[Action]syscall.Signal{
		Term: syscall.SIGTERM, Int: syscall.SIGINT, Hup: syscall.SIGHUP, Usr1: syscall.SIGUSR1,
		Cont: syscall.SIGCONT, Halt: syscall.SIGSTOP, Kill: syscall.SIGKILL, Crash: syscall.SIGQUIT,
		KillWatcher: syscall.SIGKILL, HaltWatcher: syscall.SIGSTOP, ContWatcher: syscall.SIGCONT,
	}[a]
}

// mends returns the steps that end every fault that the life's own steps have
// begun.
func (l *Life) mends() []Step {
	cures := map[Action]Action{
		LockOutage: LockBack, DiskFull: DiskFree, MailDown: MailBack, BinaryBroken: BinaryBack,
		BinaryHangs: BinaryBack, BinaryLost: BinaryBack, Halt: Cont, LockStolen: LockFreed,
		LockSlow: LockSlow, MailSlow: MailSlow, LockLost: LockAnswers, LockPaused: LockResumed, LockBlind: LockWatched,
		HaltWatcher: ContWatcher, NoWatchers: WatchersBack,
	}
	var mends []Step
	done := map[Action]bool{}
	for _, s := range l.Steps {
		if cure := cures[s.Does]; cure != "" && !done[cure] {
			done[cure] = true
			mends = append(mends, Step{At: l.calm(), Does: cure})
		}
	}
	return mends
}

// generation returns the program of a process that the daemon is.
func generation(d *core.Daemon) *world.Generation { return d.Clock().(*world.Clock).Generation() }
