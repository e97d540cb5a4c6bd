package core

import "strings"

//go:generate go run ./internal/drawlifecycle ../docs/lifecycle.svg

// State is where a daemon stands in its life. One goroutine moves it, by the
// table below.
type State int

const (
	// StateChecking: the command line is parsed; the environment is being checked
	// and then the lock asked for. Nothing has been touched.
	StateChecking State = iota

	// StateStandby: the lock is somebody else's, and the daemon waits for it.
	StateStandby

	// StateSettingUp: the lock is ours; log, PID file, plugins and the daemon's own
	// Setup are on their way.
	StateSettingUp

	// StateSleeping: waiting for the next tick.
	StateSleeping

	// StateExecuting: an iteration is running.
	StateExecuting

	// StateDraining: the daemon ends or restarts as soon as what runs has returned.
	StateDraining

	// StateRestarting: a fatal error lies behind; the daemon backs off, then tries
	// the binary that is to follow.
	StateRestarting

	// StateTearingDown: teardown runs; the end or the next image comes after it.
	StateTearingDown

	// StateEnded: nothing follows.
	StateEnded

	numStates
)

// String is the state's name as it stands in logs and pictures.
func (s State) String() string {
	return [...]string{
		"checking", "standby", "setting up", "sleeping", "executing",
		"draining", "restarting", "tearing down", "ended",
	}[s]
}

// EventKind is what can happen to a daemon. The kinds stand in the order of
// their precedence: where several events are ready at once, the first of them
// goes first, and among equals the older one.
type EventKind int

const (
	// StopAsked: SIGINT, SIGTERM, Daemon.Stop, or the context of Run is done.
	StopAsked EventKind = iota

	// TimeIsUp: the limit for draining or tearing down has passed.
	TimeIsUp

	// LeaseLost: the lock is no longer ours, or may soon not be.
	LeaseLost

	// LimitReached: an iteration has run for longer than its limit.
	LimitReached

	// Checked: the environment checks have returned.
	Checked

	// Leased: an attempt to take the lock has returned.
	Leased

	// SetUp: log, PID file, plugins and Setup have returned.
	SetUp

	// Executed: an iteration has returned.
	Executed

	// TornDown: teardown has returned.
	TornDown

	// TrialPassed: the binary that is to follow has said that it would start.
	TrialPassed

	// TrialRefused: it has not, or said no.
	TrialRefused

	// RestartAsked: SIGHUP, Daemon.Restart, the restart interval, or too much
	// memory.
	RestartAsked

	// SignalCame: SIGUSR1, or a signal that the user listens for.
	SignalCame

	// Housekeeping: time to look after PID file and memory.
	Housekeeping

	// BackedOff: the pause after a fatal error, or between two attempts at a
	// held lock, is over.
	BackedOff

	// Woken: SIGCONT.
	Woken

	// TickDue: the next tick's instant has come.
	TickDue

	numEvents
)

// String is the event's name as it stands in traces and pictures.
func (k EventKind) String() string {
	return [...]string{
		"stop", "time is up", "lease lost", "limit reached", "checked", "leased",
		"set up", "executed", "torn down", "trial passed", "trial refused",
		"restart asked", "signal", "housekeeping", "backed off", "woken", "tick",
	}[k]
}

// An edge is what one event does in one state: the action, the states that it
// may lead to, and words for the picture, one for each of these states,
// separated by bars. An event that does not stand in its state's row does
// nothing there.
type edge struct {
	do    func(*machine, event) State
	to    []State
	words string
}

type row map[EventKind]edge

// lifecycle is the state machine, whole. Nothing else moves a daemon from one
// state to another.
var lifecycle = [numStates]row{
	StateChecking: {
		Checked:    {(*machine).onChecked, []State{StateChecking, StateEnded}, "|errors: exit 1"},
		Leased:     {(*machine).onLeased, []State{StateSettingUp, StateStandby, StateEnded}, "lock won|lock held|lock held: exit 0"},
		StopAsked:  {(*machine).onStopEarly, []State{StateDraining}, "stop"},
		SignalCame: {(*machine).onSignal, []State{StateChecking}, ""},
	},
	StateStandby: {
		BackedOff:    {(*machine).onRetry, []State{StateStandby}, ""},
		Leased:       {(*machine).onLeased, []State{StateSettingUp, StateStandby, StateEnded}, "lock won||error"},
		StopAsked:    {(*machine).onStopStandby, []State{StateDraining, StateTearingDown}, "stop|stop"},
		RestartAsked: {(*machine).onRestartAsked, []State{StateStandby}, ""},
		TrialPassed:  {(*machine).onTrialPassedIdle, []State{StateTearingDown}, "trial passed"},
		TrialRefused: {(*machine).onTrialRefused, []State{StateStandby}, ""},
		SignalCame:   {(*machine).onSignal, []State{StateStandby}, ""},
	},
	StateSettingUp: {
		SetUp:        {(*machine).onSetUp, []State{StateSleeping, StateTearingDown}, "ready|error"},
		StopAsked:    {(*machine).onStopEarly, []State{StateDraining}, "stop"},
		LeaseLost:    {(*machine).onLeaseLost, []State{StateSettingUp, StateDraining}, "|lease lost"},
		RestartAsked: {(*machine).onRestartLater, []State{StateSettingUp}, ""},
		SignalCame:   {(*machine).onSignal, []State{StateSettingUp}, ""},
	},
	StateSleeping: {
		TickDue:      {(*machine).onTick, []State{StateExecuting, StateSleeping}, "tick|"},
		Woken:        {(*machine).onTick, []State{StateExecuting, StateSleeping}, "SIGCONT|"},
		StopAsked:    {(*machine).onStopIdle, []State{StateTearingDown}, "stop"},
		LeaseLost:    {(*machine).onLeaseLostIdle, []State{StateSleeping, StateTearingDown}, "|lease lost"},
		RestartAsked: {(*machine).onRestartAsked, []State{StateSleeping}, ""},
		TrialPassed:  {(*machine).onTrialPassedIdle, []State{StateTearingDown}, "trial passed"},
		TrialRefused: {(*machine).onTrialRefused, []State{StateSleeping}, ""},
		SignalCame:   {(*machine).onSignal, []State{StateSleeping}, ""},
		Housekeeping: {(*machine).onHousekeeping, []State{StateSleeping}, ""},
	},
	StateExecuting: {
		Executed:     {(*machine).onExecuted, []State{StateSleeping, StateRestarting, StateTearingDown}, "done|fatal error|fatal: exit 1"},
		StopAsked:    {(*machine).onStopBusy, []State{StateDraining}, "stop"},
		LeaseLost:    {(*machine).onLeaseLost, []State{StateExecuting, StateDraining}, "|lease lost"},
		LimitReached: {(*machine).onLimit, []State{StateExecuting, StateDraining}, "|time limit"},
		RestartAsked: {(*machine).onRestartAsked, []State{StateExecuting}, ""},
		TrialPassed:  {(*machine).onTrialPassedBusy, []State{StateDraining}, "trial passed"},
		TrialRefused: {(*machine).onTrialRefused, []State{StateExecuting}, ""},
		SignalCame:   {(*machine).onSignal, []State{StateExecuting}, ""},
		Housekeeping: {(*machine).onHousekeeping, []State{StateExecuting}, ""},
	},
	StateDraining: {
		Checked:    {(*machine).onDrained, []State{StateTearingDown}, "returned"},
		Leased:     {(*machine).onDrainedLease, []State{StateTearingDown}, "returned"},
		SetUp:      {(*machine).onDrained, []State{StateTearingDown}, "returned"},
		Executed:   {(*machine).onDrained, []State{StateTearingDown, StateRestarting}, "returned|time limit"},
		StopAsked:  {(*machine).onStopAgain, []State{StateDraining, StateEnded}, "|third stop"},
		TimeIsUp:   {(*machine).onDrainLimit, []State{StateDraining, StateTearingDown, StateRestarting}, "|limit|time limit"},
		LeaseLost:  {(*machine).onLeaseLost, []State{StateDraining}, ""},
		SignalCame: {(*machine).onSignal, []State{StateDraining}, ""},
	},
	StateRestarting: {
		BackedOff:    {(*machine).onBackedOff, []State{StateRestarting}, ""},
		TrialPassed:  {(*machine).onTrialPassedIdle, []State{StateTearingDown}, "trial passed"},
		TrialRefused: {(*machine).onTrialRefusedResume, []State{StateSleeping}, "refused: go on"},
		StopAsked:    {(*machine).onStopIdle, []State{StateTearingDown}, "stop"},
		LeaseLost:    {(*machine).onLeaseLostIdle, []State{StateRestarting, StateTearingDown}, "|lease lost"},
		SignalCame:   {(*machine).onSignal, []State{StateRestarting}, ""},
	},
	StateTearingDown: {
		TornDown:   {(*machine).onTornDown, []State{StateEnded, StateSettingUp, StateChecking, StateTearingDown}, "exit or exec|exec failed|exec failed, no lock|"},
		StopAsked:  {(*machine).onStopAgain, []State{StateTearingDown, StateEnded}, "|second stop"},
		TimeIsUp:   {(*machine).onTeardownLimit, []State{StateTearingDown, StateEnded, StateSettingUp, StateChecking}, "|limit|exec failed|exec failed, no lock"},
		SignalCame: {(*machine).onSignal, []State{StateTearingDown}, ""},
	},
	StateEnded: {},
}

// flat is lifecycle by index, because a map would cost the loop its speed.
var flat = flatten()

func flatten() (table [numStates][numEvents]edge) {
	for s, r := range lifecycle {
		for k, e := range r {
			table[s][k] = e
		}
	}
	return table
}

// Transition is one line of the lifecycle's table, for pictures and monitors.
type Transition struct {
	// From and To are the states before and after; they may be the same.
	From, To State

	// Event is what leads from one to the other.
	Event EventKind

	// Word explains it where the event's name alone does not.
	Word string
}

// Lifecycle is the whole table of transitions that can happen, in order.
func Lifecycle() []Transition {
	var all []Transition
	for from := range flat {
		for kind, e := range &flat[from] {
			words := strings.Split(e.words, "|")
			for i, to := range e.to {
				t := Transition{From: State(from), To: to, Event: EventKind(kind)}
				if i < len(words) {
					t.Word = words[i]
				}
				all = append(all, t)
			}
		}
	}
	return all
}
