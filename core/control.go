package core

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
	"unicode"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/forker/pidfile"
	"github.com/evertick/evertick/forker/signals"
	"github.com/evertick/evertick/lock"
)

// sendSignal is -s: it speaks to the running daemon.
func (d *Daemon) sendSignal(ctx context.Context) int {
	path := d.Path(d.cmd.pidFile)
	if err := d.folder(); err != nil && !filepath.IsAbs(path) {
		return d.refuse(fmt.Sprintf("-s %s -p %s: %v", d.cmd.send, path, err))
	}
	ctx, cancel := clockwork.WithTimeout(ctx, d.host.Clock, d.patience())
	defer cancel()
	p, err := d.find(path)
	switch f := d.follower(err); {
	case f != nil && d.cmd.send == "stop":
		return d.stopFollower(ctx, f)
	case f != nil:
		return d.refuse(fmt.Sprintf("-s %s: PID %d has died, and PID %d is to start it again: ask again when it has", d.cmd.send, f.of, f.PID()))
	case err != nil:
		return d.refuse(fmt.Sprintf("-s %s: %v%s", d.cmd.send, err, d.elsewhere(err)))
	}
	sig := map[string]syscall.Signal{
		"stop": syscall.SIGTERM, "restart": syscall.SIGHUP, "dump": syscall.SIGUSR1,
	}[d.cmd.send]
	if d.cmd.send == "stop" {
		return d.sendStop(ctx, p)
	}
	if err := d.awaitHeed(ctx, p, sig); err != nil {
		return d.refuse(fmt.Sprintf("-s %s: %v", d.cmd.send, err))
	}
	reply, err := d.ask(ctx, p, path, sig)
	if err != nil {
		return d.refuse(fmt.Sprintf("-s %s: PID %d was signalled; %v; its log tells more", d.cmd.send, p.PID(), err))
	}
	verdict, text, _ := strings.Cut(reply, " ")
	if verdict != replyOK {
		return d.refuse(printable(text))
	}
	fmt.Fprintf(d.host.Stdout, "%s: %s\n", d.name, printable(text))
	return 0
}

// printable returns a daemon's text as a terminal may have it: what it says may come
// from anywhere, and who asks may be root.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}

// ignoredFor is how long a daemon may ignore a signal for a restart, and much more.
const ignoredFor = 2 * time.Second

// awaitHeed returns an error where p ignores sig, and not only for the instant of a
// restart.
func (d *Daemon) awaitHeed(ctx context.Context, p pidfile.Process, sig os.Signal) error {
	clock := d.host.Clock
	for limit := clock.Now().Add(ignoredFor); p.Ignores(sig); {
		if !clock.Now().Before(limit) {
			return fmt.Errorf("PID %d ignores %s, as nohup or a shell's trap have it: nothing was sent. "+
				"Stop it with -s stop, and start it with -d in place of nohup", p.PID(), signals.Name(sig))
		}
		if err := clockwork.Sleep(ctx, clock, ignoredFor/100); err != nil {
			return err
		}
	}
	return nil
}

// ask signals p and waits for its reply. One that is for another verb, which
// somebody else has asked for at the same time, is passed over.
func (d *Daemon) ask(ctx context.Context, p pidfile.Process, path string, sig syscall.Signal) (string, error) {
	waiting, err := d.host.Replies.Listen(path, p.PID())
	if err != nil {
		return "", errors.Join(gone(p.Signal(sig)), fmt.Errorf("what came of it cannot be told: %w", err))
	}
	defer func() {
		if err := waiting.Close(); err != nil {
			fmt.Fprintf(d.host.Stderr, "%s: %v\n", d.name, err)
		}
	}()
	if err := p.Signal(sig); err != nil {
		return "", gone(err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		if p.Wait(ctx) == nil {
			cancel(errors.New("it ended without a reply"))
		}
	}()
	for {
		reply, err := waiting.Wait(ctx)
		verb, rest, _ := strings.Cut(reply, " ")
		if err != nil || verb == d.cmd.send {
			return rest, err
		}
	}
}

// gone says in plain words that a process had ended.
func gone(err error) error {
	if errors.Is(err, os.ErrProcessDone) {
		return errors.New("it had ended by then")
	}
	return err
}

func (d *Daemon) sendStop(ctx context.Context, p pidfile.Process) int {
	watcher := d.watcherOf(p.PID())
	if err := p.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) { // by another -s stop
		return d.refuse(fmt.Sprintf("-s stop: signal PID %d: %v", p.PID(), err))
	}
	if err := p.Wait(ctx); err != nil {
		return d.refuse(fmt.Sprintf("-s stop: PID %d was asked to stop and is still running after %s; ask again to force it", p.PID(), d.patience()))
	}
	pids := []int{p.PID()}
	if watcher != nil && d.isFollowed(watcher) {
		last, err := d.endFollowers(ctx, watcher)
		if err != nil {
			return d.refuse(fmt.Sprintf("-s stop: PID %d has ended, and PID %d, which starts it again, cannot be ended: %v", p.PID(), last, err))
		}
		pids = append(pids, last)
	}
	return d.tellEnd(fmt.Sprintf("PID %d has stopped", p.PID()), pids...)
}

// tellEnd says what has ended, and completes the ends of processes.
func (d *Daemon) tellEnd(text string, pids ...int) int {
	for _, pid := range pids {
		if note := d.completeEnd(pid); note != "" {
			text += "; " + note
		}
	}
	fmt.Fprintf(d.host.Stdout, "%s: %s\n", d.name, text)
	return 0
}

// followerPatience is how long what was asked to end may take: it hangs, or was stopped,
// where it takes longer.
const followerPatience = 2 * time.Second

// stopFollower is -s stop of a daemon that has died, and would be started again.
func (d *Daemon) stopFollower(ctx context.Context, f *follower) int {
	last, err := d.endFollowers(ctx, f)
	if err != nil {
		return d.refuse(fmt.Sprintf("-s stop: PID %d has died, and PID %d, which starts it again, cannot be ended: %v", f.of, last, err))
	}
	return d.tellEnd(fmt.Sprintf("PID %d had died already, and PID %d, which was to start it again, has ended", f.of, last), f.of, last)
}

// endFollowers ends what would start a dead daemon again: its watcher, what that has
// become meanwhile, or the watcher of that. It returns the number of the last one.
func (d *Daemon) endFollowers(ctx context.Context, f *follower) (last int, err error) {
	for ; f != nil && err == nil; f = d.followed(f) {
		last, err = f.PID(), d.endFollower(ctx, f)
	}
	return last, err
}

// endFollower ends one process.
func (d *Daemon) endFollower(ctx context.Context, f *follower) error {
	err := f.Signal(syscall.SIGTERM)
	if err == nil {
		brief, cancel := clockwork.WithTimeout(ctx, d.host.Clock, followerPatience)
		err = f.Wait(brief)
		cancel()
	}
	if errors.Is(err, context.DeadlineExceeded) {
		if err = f.Signal(syscall.SIGKILL); err == nil {
			err = f.Wait(ctx)
		}
	}
	if errors.Is(err, os.ErrProcessDone) {
		return context.Cause(ctx)
	}
	return err
}

// completeEnd does what a daemon that has just ended has not come to do: a signal
// in the instant between two programs of a restart ends the process at once, and
// so do a crash and SIGKILL. It returns what it has done; empty after a clean end.
func (d *Daemon) completeEnd(pid int) string {
	path := d.Path(d.cmd.pidFile)
	removed, err := d.host.PIDFiles.Discard(path, pid)
	switch {
	case err != nil:
		return "its PID file is still there: " + err.Error()
	case !removed:
		return ""
	}
	const how = "it had no time to clean up"
	d.findStateFile()
	if before := d.life.read(); before != nil && before.PID == pid {
		_ = d.life.files.Remove(d.life.path) // its end is told here
	}
	if d.set.logName != nil {
		d.log.Open()
		d.log.PrintAs(pid, "Shutdown Complete: "+how+". -s stop has removed its PID file "+path)
		d.log.Close()
	}
	if err := d.freeDeadLock(pid); err != nil {
		return how + ", so its PID file has been removed; the lock file still names it: " + err.Error()
	}
	return how + ", so its PID file has been removed"
}

// freeDeadLock takes a dead process's name out of a lock that has died with it. One
// that lives on for a time frees itself.
func (d *Daemon) freeDeadLock(pid int) error {
	looker, ok := d.set.lock.(lock.Looker)
	if !ok {
		return nil
	}
	ctx, cancel := clockwork.WithTimeout(context.Background(), d.host.Clock, releaseTimeout)
	defer cancel()
	var held *lock.HeldError
	if !errors.As(looker.Look(ctx), &held) || held.TTL > 0 || held.Holder.PID != pid || held.Holder.Host != d.host.Name {
		return nil
	}
	lease, err := d.set.lock.Acquire(ctx, d.owner())
	if errors.Is(err, lock.ErrHeld) { // by one that has started meanwhile
		return nil
	}
	if err != nil {
		return err
	}
	return lease.Release(ctx)
}

// The first word of a reply to -s.
const (
	replyOK      = "ok"
	replyRefused = "refused"
)

// maxPatience bounds how long -s waits, so that no sum of it overflows.
const maxPatience = 1000 * 24 * time.Hour

// patience is how long -s waits: for a trial, an iteration and a teardown that
// all take as long as they may.
func (d *Daemon) patience() time.Duration {
	return trialTimeout + 2*(min(d.set.shutdownTimeout, maxPatience)+grace)
}
