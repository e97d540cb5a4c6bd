package core

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/core/host"
	"github.com/evertick/evertick/logfile"
	"github.com/evertick/evertick/mail"
)

const (
	// flushTimeout is how long the end of the daemon waits for its last mails.
	flushTimeout = 5 * time.Second

	// settleTimeout is how long an end that is forced waits for them to be on
	// disk.
	settleTimeout = 100 * time.Millisecond

	// spoolSuffix is what the folder's name ends with that lies beside the log or
	// the lock.
	spoolSuffix = ".spool"
)

// The kinds of the daemon's own alerts. Those of Alertf begin otherwise.
const (
	kindOverrun  = "core: overrun"
	kindFailure  = "core: failure"     // that is tolerated
	kindFatal    = "core: fatal error" // or a death: a daemon that flaps is one thread, whatever it dies of
	kindLock     = "core: lock lost"
	kindRefused  = "core: restart refused"
	kindShutdown = "core: shutdown"
	kindWarmUp   = "core: warm-up failed"
)

// userKind is what the kinds of Alertf begin with.
const userKind = "user: "

// alert logs a message and mails it. It never blocks.
func (d *Daemon) alert(kind, message string) {
	if d.child != nil {
		d.child.Alertf("%s", message)
		return
	}
	d.log.PrintAt(logfile.Error, message)
	d.observe(host.Observation{Kind: host.Alerted, Text: message})
	a := mail.Alert{Kind: kind, Text: message}
	switch kind {
	case kindOverrun, kindFailure:
		a.Lasting = true
	case kindFatal, kindLock:
		a.Lasting, a.End = true, d.name+" Restarted"
	case kindShutdown:
		a.Subject = d.name + " Shutdown"
	}
	d.alerts.Alert(a)
}

// condition tells what has become of a kind of alert.
func (d *Daemon) condition(kind string) mail.Condition {
	now := d.host.Clock.Now()
	switch kind {
	case kindOverrun:
		return d.counters.overrunLasts(now, d.Interval())
	case kindLock:
		if d.set.lock != nil && d.lease.Load() == nil {
			return mail.Ongoing
		}
	}
	return d.counters.failureLasts()
}

// observeLog keeps the latest messages for the mails, and tells a harness.
func (d *Daemon) observeLog(pid int, message string) {
	if d.set.alerts != nil {
		d.recent.add(d.host.Clock.Wall(), pid, message)
	}
	d.observe(host.Observation{Kind: host.Logged, Text: message, PID: pid})
}

// describe returns what each mail ends with.
func (d *Daemon) describe() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Host: %s\nPID: %d\nUptime: %s\nIterations: %d\nVersion: %s\nLock: %s\n",
		d.host.Name, d.PID(), d.Uptime(), d.Iteration(), d.version(), d.lockText())
	if lines := d.recent.lines(); lines != "" {
		b.WriteString("\nThe last lines of the log:\n" + lines)
	}
	return b.String()
}

// lockText returns the lock and who holds it, for a mail.
func (d *Daemon) lockText() string {
	switch {
	case d.set.lock == nil:
		return "none"
	case d.lease.Load() == nil:
		return d.set.lock.String() + ", not held"
	default:
		return d.set.lock.String() + ", held"
	}
}

func (d *Daemon) newAlertQueue() alertQueue {
	if d.set.alerts == nil {
		return noAlerts{}
	}
	return d.set.newQueue(mail.QueueConfig{
		Sender: d.set.alerts, Clock: d.host.Clock, Logf: d.Logf,
		Name: d.name, Host: d.host.Name, PID: d.PID(), To: d.set.recipients, Describe: d.describe, Lasts: d.condition,
		Dir: d.spoolDir(), Disk: d.host.Spool,
	})
}

// spoolDir returns the folder in which alert mail waits; empty for none.
func (d *Daemon) spoolDir() string {
	if d.set.spool != "" {
		return d.Path(d.set.spool)
	}
	switch path := d.logPath(); {
	case path != "" && !strings.HasPrefix(path, "/dev/"):
		if d.set.logName(d.host.Clock.Wall()) == d.set.logName(d.host.Clock.Wall().AddDate(1, 1, 1)) {
			return path + spoolSuffix
		}
		return filepath.Join(filepath.Dir(path), filepath.Base(d.name)+spoolSuffix)
	case d.set.lockPath != "":
		return d.Path(d.set.lockPath) + spoolSuffix
	}
	return ""
}

// flushAlerts waits for the last mails, for a while, and logs what remains. After
// an end that somebody has asked for nothing is to follow, so what the next digests
// would tell is told now; a daemon that fails may be started again at once, again
// and again. It reports false, and logs nothing, where ctx cut it short.
func (d *Daemon) flushAlerts(ctx context.Context, failed bool) (whole bool) {
	if !failed || d.spoolDir() == "" {
		d.alerts.Digest()
	}
	bounded, cancel := clockwork.WithTimeout(ctx, d.host.Clock, flushTimeout)
	defer cancel()
	waiting, stored := d.alerts.Flush(bounded)
	if ctx.Err() != nil {
		return false
	}
	d.logWaiting(waiting, stored)
	return true
}

// settleAlerts is for an end that waits for no mail server.
func (d *Daemon) settleAlerts() {
	ctx, cancel := clockwork.WithTimeout(context.Background(), d.host.Clock, settleTimeout)
	defer cancel()
	d.logWaiting(d.alerts.Settle(ctx))
}

// logWaiting logs how many alerts are not known to be delivered, if any; once,
// as an end may come while a flush returns.
func (d *Daemon) logWaiting(waiting, stored int) {
	if waiting == 0 || d.waitingLogged.Swap(true) {
		return
	}
	if stored > 0 {
		d.Logf("%s in %s for the next start", oneOrMore(stored, "alert waits", "alerts wait"), d.spoolDir())
	}
	if lost := waiting - stored; lost > 0 {
		d.Logf("Error: %s not delivered before the end", oneOrMore(lost, "alert was", "alerts were"))
	}
}

// oneOrMore returns a number with what is said of one, or of more.
func oneOrMore(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}
