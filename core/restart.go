package core

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/forker"
	"github.com/evertick/evertick/mail"
)

const (
	// trialLimit is how long the next binary may take to check its
	// environment.
	trialLimit = 5 * time.Second

	// probation is the run time below which a fatal error is no bad luck but a
	// bad start.
	probation = 10 * time.Second
)

// carried is what an image hands over to the next one, as JSON.
type carried struct {
	PIDFile *string `json:"pid_file,omitempty"` // forker's baton
	Lease   *string `json:"lease,omitempty"`    // lock's baton

	Boot     time.Duration `json:"boot"`     // when this was written
	GridAge  time.Duration `json:"grid_age"` // how old the grid's first tick was then
	Interval time.Duration `json:"interval"` // 0: there is no grid
	Served   int64         `json:"served"`
	DueIn    time.Duration `json:"due_in"` // how far the next iteration was then

	Iterations int64 `json:"iterations"`
	Overruns   int64 `json:"overruns"`
	Missed     int64 `json:"missed"`
	Failures   int64 `json:"failures"`

	Begun   time.Time      `json:"begun"`
	History past           `json:"history"`
	Mails   []mail.Message `json:"mails,omitempty"`
}

// past is what went before in this process. Times are Boot readings, which
// the images of a process share.
type past struct {
	Ready         time.Duration   `json:"ready"` // the first image's; 0: not yet
	Restarts      int64           `json:"restarts"`
	ErrorRestarts []time.Duration `json:"error_restarts,omitempty"`
	LastCause     string          `json:"last_cause,omitempty"`
}

// history is past, for many goroutines.
type history struct {
	mu sync.Mutex // held for instants only
	past
}

func (h *history) count() int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.Restarts
}

func (h *history) counts() (all, afterErrors int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.Restarts, int64(len(h.ErrorRestarts))
}

func (h *history) lastCause() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.LastCause
}

func (h *history) nowReady(boot time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.Ready == 0 {
		h.Ready = boot
	}
}

func (h *history) ready() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.Ready
}

// errorRestart counts one more restart after an error, if fewer than max lie
// within the window before now.
func (h *history) errorRestart(now, window time.Duration, max int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ErrorRestarts = slices.DeleteFunc(h.ErrorRestarts, func(at time.Duration) bool { return now-at > window })
	if len(h.ErrorRestarts) >= max {
		return false
	}
	h.ErrorRestarts = append(h.ErrorRestarts, now)
	return true
}

func (h *history) snapshot() past {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.past
}

// recall takes up what the image before handed over.
func (m *machine) recall() {
	if m.birth.Kind != forker.Restarted {
		return
	}
	var c carried
	if err := json.Unmarshal(m.birth.State, &c); err != nil {
		m.Logf("Warning: what the image before handed over cannot be read, so counters and grid begin anew: %v", err)
		return
	}
	m.next = &c
	m.begun = c.Begun
	m.past.past = c.History
	m.past.Restarts++
	m.account.iteration.Store(c.Iterations)
	m.account.overruns, m.account.missed, m.account.failures = c.Overruns, c.Missed, c.Failures
	m.alerts.resume(c.Mails)
	m.log.open() // it was ours before, so errors of the start belong there
}

// autoRestart reports whether the daemon may restart without being asked: not
// in the foreground, where a person is watching.
func (d *Daemon) autoRestart() bool { return d.Detached() || d.host.Supervisor.Detected() }

// fatal decides what a fatal error leads to.
func (m *machine) fatal(line string) State {
	m.plan = m.planAfterError(line, probation)
	if !m.plan.restart {
		return m.tearDownNow()
	}
	m.after(backOffAt, m.set.backOff)
	return StateRestarting
}

// planAfterError logs and alerts an error together with what follows from it.
func (m *machine) planAfterError(line string, probation time.Duration) plan {
	now := m.host.Clock.Boot()
	var refusal string
	switch {
	case !m.autoRestart():
		refusal = "without -d or a supervisor there is no automatic restart"
	case now-m.past.ready() < probation:
		refusal = fmt.Sprintf("it came within the first %s of run time", probation)
	case !m.past.errorRestart(now, m.set.restartWindow, m.set.maxRestarts):
		refusal = fmt.Sprintf("there were %d restarts after errors within %s already", m.set.maxRestarts, m.set.restartWindow)
	}
	if refusal != "" {
		m.alert(subjectShutdown, fmt.Sprintf("%s\nShutting Down: fatal error, and %s", line, refusal))
		return plan{code: 1, cause: "fatal error"}
	}
	m.alert(subjectAlert, fmt.Sprintf("%s\nRestarting after a fatal error", line))
	return plan{restart: true, cause: "fatal error"}
}

func (m *machine) onBackedOff(event) State {
	if m.trying == "" {
		m.try(m.plan.cause)
	}
	return StateRestarting
}

func (m *machine) onRestartAsked(e event) State {
	if m.trying == "" {
		m.Logf("Restart Asked: %s", e.cause)
		m.try(e.cause)
	}
	return m.state
}

// image is the program that is to follow, which is the one that was started,
// under its path at that time.
func (m *machine) image() forker.Image {
	return forker.Image{
		Path: m.host.Processes.Executable(),
		Args: m.args,
		Dir:  m.birth.Dir,
	}
}

// try has a child find out whether the next image would start. The loop goes
// on meanwhile.
func (m *machine) try(cause string) {
	m.trying = cause
	ctx, cancel := clockwork.WithTimeout(context.Background(), m.host.Clock, trialLimit)
	m.stopTry = cancel
	img := m.image()
	go func() {
		defer cancel()
		if err := m.host.Processes.Try(ctx, img); err != nil {
			m.mail.post(event{kind: TrialRefused, err: err, cause: cause})
			return
		}
		m.mail.post(event{kind: TrialPassed, cause: cause})
	}()
}

func (m *machine) onTrialPassedIdle(e event) State {
	m.trying = ""
	if !m.plan.restart {
		m.plan = plan{restart: true, cause: e.cause}
	}
	m.Logf("Restarting: %s", e.cause)
	return m.tearDownNow()
}

func (m *machine) onTrialPassedBusy(e event) State {
	m.trying = ""
	m.plan = plan{restart: true, cause: e.cause}
	m.worker.keep.Store(false)
	m.clear(restartAt, housekeepingAt, limitAt)
	m.after(timeUpAt, m.set.shutdownLimit)
	m.Logf("Restarting: %s, as soon as Execute #%d has finished", e.cause, m.Iteration())
	return StateDraining
}

func (m *machine) onTrialRefused(e event) State {
	m.trying = ""
	text := fmt.Sprintf("Restart Refused: the binary %s would not start. The running one goes on.\n%v",
		m.host.Processes.Executable(), e.err)
	m.alert(subjectAlert, text)
	m.answer("restart", answerRefused, text)
	m.awaitRestart()
	return m.state
}

// onTrialRefusedResume: the daemon has no better choice after its error than
// to go on with the next tick.
func (m *machine) onTrialRefusedResume(e event) State {
	m.onTrialRefused(e)
	m.plan = plan{}
	m.resumeTicks()
	return StateSleeping
}

func (m *machine) resumeTicks() {
	m.becomeReady()
	m.aim()
}

// onLeaseLost stops executing before somebody else can have the lock.
func (m *machine) onLeaseLost(e event) State {
	if m.falseAlarm(e) {
		return m.state
	}
	m.planLeaseLost(e)
	m.interrupt(fmt.Errorf("lock lost: %s", e.cause))
	m.after(timeUpAt, limitGrace)
	m.forced = true
	return StateDraining
}

func (m *machine) onLeaseLostIdle(e event) State {
	if m.falseAlarm(e) {
		return m.state
	}
	m.planLeaseLost(e)
	return m.tearDownNow()
}

// falseAlarm: the deadline was set before the latest renewal.
func (m *machine) falseAlarm(e event) bool {
	return e.cause == deadlineEvents[leaseAt].cause && m.renewed()
}

func (m *machine) planLeaseLost(e event) {
	m.worker.keep.Store(false)
	m.clear(leaseAt, limitAt, backOffAt)
	text := fmt.Sprintf("Lock Lost: %s: %s", m.set.lock, e.cause)
	switch {
	case m.plan.cause != "" && !m.plan.restart: // we are leaving anyway
		m.Logf("%s", text)
		return
	case m.autoRestart():
		m.alert(subjectAlert, text+"\nRestarting to win it anew")
		m.plan = plan{restart: true, noLease: true, cause: "lock lost"}
	default:
		m.alert(subjectShutdown, text+"\nShutting Down: without -d or a supervisor there is no automatic restart")
		m.plan = plan{code: 1, cause: "lock lost"}
	}
}

// replace executes the next image in this process's place. A stop that has
// come in the meantime ends the daemon instead.
func (m *machine) replace() State {
	m.keeper.stop()
	if m.plan.noLease { // nor is the PID file ours, if somebody else has the lock by now
		m.keeper.release()
		m.keeper = nil
		m.removePID()
		m.next = nil
	}
	m.host.Signals.Quiesce(m.quiet()...)
	if m.mail.drop(StopAsked) {
		m.Logf("Shutting Down: a signal to stop came during the restart")
		m.listen()
		m.plan = plan{cause: "a signal to stop"}
		return m.tearDownNow() // again, for the end's part of it
	}
	err := m.exec()
	if err == nil {
		m.replaced = true
		return StateEnded
	}
	m.listen()
	m.log.open()
	m.alert(subjectAlert, fmt.Sprintf("Restart Refused: the binary %s could not be executed. The running one goes on.\n%v",
		m.host.Processes.Executable(), err))
	m.answer("restart", answerRefused, fmt.Sprintf("the restart failed: %v", err))
	return m.goOn()
}

// goOn takes up the work in the old image after an exec that failed.
func (m *machine) goOn() State {
	noLease := m.plan.noLease
	m.plan, m.forced = plan{}, false
	m.newContext()
	if noLease {
		m.askForLease()
		return StateChecking
	}
	m.keeper.start(m.mail)
	m.watchLease()
	m.startSetup()
	return StateSettingUp
}

// exec hands everything over. It returns only when that fails.
func (m *machine) exec() error {
	now := m.host.Clock.Now()
	c := carried{
		Boot:    m.host.Clock.Boot(),
		Begun:   m.begun,
		History: m.past.snapshot(),
		Mails:   m.alerts.pending(),
	}
	if m.ready { // else there is no grid yet
		c.GridAge, c.Interval = now.Sub(m.sched.grid.First), m.set.interval
		c.Served, c.DueIn = m.sched.served, m.sched.due.Sub(now)
	}
	c.History.LastCause = m.plan.cause
	s := m.account.stats()
	c.Iterations, c.Overruns, c.Missed, c.Failures = s.Iterations, s.Overruns, s.Missed, s.Failures
	img := m.image()
	if err := m.handOver(&c, &img); err != nil {
		return err
	}
	var err error
	if img.State, err = json.Marshal(c); err != nil {
		return fmt.Errorf("hand over to the next image: %w", err)
	}
	m.log.close()
	return m.host.Processes.Exec(img)
}

// handOver passes on what must not be free for an instant.
func (m *machine) handOver(c *carried, img *forker.Image) error {
	if m.pid != nil {
		value, file, err := m.pid.Baton()
		if err != nil {
			return err
		}
		c.PIDFile = &value
		keepFile(img, file)
	}
	if m.keeper != nil {
		baton, err := m.keeper.lease.Handover()
		if err != nil {
			return err
		}
		c.Lease = &baton.Value
		keepFile(img, baton.File)
	}
	return nil
}

func keepFile(img *forker.Image, f *os.File) {
	if f != nil {
		img.Files = append(img.Files, f)
	}
}

// quiet are the signals that must not kill the next image before it listens
// for them.
func (m *machine) quiet() []os.Signal {
	signals := []os.Signal{syscall.SIGHUP, syscall.SIGUSR1}
	for sig := range m.set.onSignal {
		signals = append(signals, sig)
	}
	return signals
}
