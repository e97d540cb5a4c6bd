package core

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/lock"
	"github.com/evertick/evertick/mail"
)

// checkEnvironment gathers every environment error, so that people need not fix
// one to be told the next.
func (d *Daemon) checkEnvironment(ctx context.Context) error {
	errs := []error{d.refused, d.set.contradictions(), d.onePathForTwo(), d.checkCalendar(), d.checkTickFile(), d.folder()}
	if d.cmd.pidFile != "" && d.inherited == nil {
		if err := d.host.PIDFiles.Check(d.Path(d.cmd.pidFile)); err != nil {
			errs = append(errs, err)
		}
	}
	if d.set.lock != nil {
		err := d.set.lock.Check()
		if !d.set.standby || !errors.Is(err, lock.ErrUnreachable) { // for which a standby waits
			errs = append(errs, err)
		}
	}
	if d.set.alerts != nil {
		errs = append(errs, d.set.alerts.Check(), d.alertsToNowhere())
	}
	for _, p := range d.set.plugins {
		if err := recovered(func() error { return p.Check(ctx, d) }); err != nil {
			errs = append(errs, fmt.Errorf("plugin %s: %w", p.Name(), err))
		}
	}
	for _, f := range d.set.checks {
		errs = append(errs, recovered(func() error { return f(ctx, d) }))
	}
	return d.withLogFile(errors.Join(errs...))
}

// withLogFile adds to the errors of a start that the log file cannot be opened. That
// alone keeps nobody in the foreground from starting, where it may come right: the
// log goes to standard output until then.
func (d *Daemon) withLogFile(errs error) error {
	path := d.logPath()
	if path == "" {
		return errs
	}
	err := d.host.Files.Check(path)
	if err == nil || errs == nil && !d.Detached() && !d.cmd.check && mayComeRight(err) {
		return errs
	}
	return errors.Join(errs, fmt.Errorf("log file: %w", err))
}

// mayComeRight reports whether it is the machine that keeps a file from being
// opened, and not what its path names.
func mayComeRight(err error) bool {
	return slices.ContainsFunc([]error{
		fs.ErrNotExist, fs.ErrPermission, syscall.EROFS, syscall.ENOSPC, syscall.EDQUOT, syscall.EMFILE, syscall.ENFILE, syscall.EIO,
	}, func(target error) bool { return errors.Is(err, target) })
}

// folder returns the error that no relative path means anything.
func (d *Daemon) folder() error {
	if d.host.Process.Origin.Dir != "" {
		return nil
	}
	return errors.New("the working folder has been deleted, or may not be read, so relative paths mean nothing: change to another one, such as cd /")
}

// alertsToNowhere returns the error that alerts go to the standard output that a
// detached daemon does not have.
func (d *Daemon) alertsToNowhere() error {
	if s, ok := d.set.alerts.(interface{ Stdout() bool }); ok && s.Stdout() && d.Detached() {
		return errors.New("alerts go to standard output, which a detached daemon does not have: name a mail server, or leave -d out")
	}
	return nil
}

// onePathForTwo returns the error that two of the daemon's files are to be one.
func (d *Daemon) onePathForTwo() error {
	files := []struct{ what, path string }{{"the PID file", d.cmd.pidFile}, {"the log", d.logPath()}, {"the lock file", d.set.lockPath}, {"the file of remembered ticks", d.set.tickFile}, {"the state file", d.life.path}}
	var errs []error
	for i, a := range files {
		for _, b := range files[i+1:] {
			if path := filepath.Clean(d.Path(a.path)); a.path != "" && b.path != "" && path == filepath.Clean(d.Path(b.path)) {
				errs = append(errs, fmt.Errorf("%s and %s are both %s: give each a path of its own", a.what, b.what, path))
			}
		}
	}
	return errors.Join(errs...)
}

// checkCalendar returns the error that a schedule has no tick to come.
func (d *Daemon) checkCalendar() error {
	if d.set.calendar == nil {
		return nil
	}
	wall := d.host.Clock.Wall()
	var next time.Time
	turn, answered := awaitCalendar(askCalendar(d.set.calendar, func(checked clockwork.Calendar) calendarTurn {
		next = checked.Next(wall)
		return calendarTurn{}
	}), d.host.Clock)
	switch {
	case !answered:
		return calendarUnanswered(d.set.calendar)
	case turn.err != nil:
		return turn.err
	case next.IsZero():
		return calendarError(d.set.calendar, fmt.Sprintf("has no tick after %s: it would never start an iteration", wall.Format(time.DateTime)))
	}
	return nil
}

// checkTickFile returns why ticks cannot be remembered.
func (d *Daemon) checkTickFile() error {
	if d.set.tickFile == "" {
		return nil
	}
	if err := d.ticks.check(); err != nil {
		return fmt.Errorf("file of remembered ticks: %w", err)
	}
	return nil
}

// contradictions returns the options that cannot go together.
func (s *declaration) contradictions() error {
	if s.unfinished {
		return nil
	}
	var errs []error
	bad := collect(&errs)
	bad(s.execute == nil, "nothing to execute: declare core.Execute")
	bad(!s.every && !s.pacing.FixedDelay && s.calendar == nil, "no interval: declare core.Every, core.FixedDelay or core.Scheduled; core.Every(0) is a loop without any pause, for an Execute that blocks on its own work")
	if !s.pacingRefused {
		errs = append(errs, s.pacingContradictions())
	}
	bad(s.standby && s.lock == nil, "core.Standby waits for a lock, but there is none: declare core.WithLock")
	bad(s.alerts != nil && len(s.recipients) == 0, "alerts have no recipient: name at least one "+s.place("to"))
	bad(len(s.recipients) > mail.MaxRecipients, fmt.Sprintf("alerts have %d recipients, and a mail takes %d: name a list's address instead", len(s.recipients), mail.MaxRecipients))
	for _, r := range s.recipients {
		at := strings.LastIndexByte(r, '@') // the sender looks closer
		bad(s.alerts != nil && (at < 1 || at == len(r)-1 || strings.ContainsAny(r, " \t\r\n")), fmt.Sprintf("alert recipient %q is no mail address: write name@host", r))
	}
	bad(s.idleEvery > 0 && len(s.handlers[HookIdle]) == 0, "core.IdleEvery has no handler to call: declare one with core.On(core.HookIdle, …)")
	seen := map[string]bool{}
	for _, p := range s.plugins {
		bad(seen[p.Name()], fmt.Sprintf("plugin %s is declared twice: drop one", p.Name()))
		seen[p.Name()] = true
	}
	return errors.Join(errs...)
}

// collect returns a function that adds an error where something is so.
func collect(errs *[]error) func(is bool, text string) {
	return func(is bool, text string) {
		if is {
			*errs = append(*errs, errors.New(text))
		}
	}
}

// pacingContradictions returns what cannot go together with the interval, or
// with the pause.
func (s *declaration) pacingContradictions() error {
	var errs []error
	bad := collect(&errs)
	p := &s.pacing
	never := p.Interval == 0 && !p.FixedDelay && s.calendar == nil
	shift := max(p.Spread, p.Jitter)
	bad(s.calendar != nil && (s.every || p.FixedDelay), "core.Scheduled contradicts core.Every and core.FixedDelay: keep one of them")
	bad(s.calendar != nil && p.First == AlignedToClock, "core.Scheduled stands on the wall clock by itself: drop core.AlignedToClock")
	bad(s.calendar == nil && s.tickFile != "", "core.RememberTicks is for schedules: declare core.Scheduled, or drop it")
	bad(s.every && p.FixedDelay, "core.Every and core.FixedDelay contradict each other: keep one of them")
	bad(p.FixedDelay && p.Missed != Coalesce, "core.FixedDelay has no grid, so no tick is missed: drop core.MissedTicks or use core.Every")
	bad(p.FixedDelay && p.First == AlignedToClock, "core.FixedDelay has no grid to align: drop core.AlignedToClock or use core.Every")
	bad(p.FixedDelay && shift > 0, "core.FixedDelay has no grid to jitter: drop core.Spread and core.Jitter, or use core.Every")
	bad(never && p.First != Immediately, "an interval of 0 has no first tick to wait for, as the program asks: set an interval above 0")
	bad(never && shift > 0, fmt.Sprintf("an interval of 0 leaves no room for a spread or jitter of %s: set an interval above 0", shift))
	bad(p.Interval > 0 && shift >= p.Interval,
		fmt.Sprintf("an interval of %s leaves no room for a spread or jitter of %s: set an interval above that", p.Interval, shift))
	return errors.Join(errs...)
}

// problems lists joined errors one a line.
func problems(err error) string {
	lines := strings.Split(err.Error(), "\n")
	if len(lines) == 1 {
		return lines[0]
	}
	return fmt.Sprintf("%d problems:\n  %s", len(lines), strings.Join(lines, "\n  "))
}
