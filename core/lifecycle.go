package core

import "strings"

//go:generate go run ./internal/drawlifecycle ../docs/lifecycle.svg

// lifecycle is the state machine, whole. Nothing else moves a daemon from one
// state to another.
var lifecycle = table{
	stateChecking: {
		checked:    {(*machine).onChecked, []state{stateChecking, stateEnded}, "|errors: exit 1"},
		leased:     {(*machine).onLeased, []state{stateSettingUp, stateStandby, stateEnded}, "lock won|lock held|lock held: exit 0"},
		stopAsked:  {(*machine).onStopEarly, []state{stateDraining}, "stop"},
		signalCame: {(*machine).onSignal, []state{stateChecking}, ""},
	},
	stateStandby: {
		backedOff:    {(*machine).onRetry, []state{stateStandby}, ""},
		leased:       {(*machine).onLeased, []state{stateSettingUp, stateStandby, stateEnded}, "lock won||error"},
		stopAsked:    {(*machine).onStopStandby, []state{stateDraining, stateTearingDown}, "stop|stop"},
		restartAsked: {(*machine).onRestartAsked, []state{stateStandby}, ""},
		trialPassed:  {(*machine).onTrialPassedIdle, []state{stateTearingDown}, "trial passed"},
		trialRefused: {(*machine).onTrialRefused, []state{stateStandby}, ""},
		signalCame:   {(*machine).onSignal, []state{stateStandby}, ""},
	},
	stateSettingUp: {
		setUp:        {(*machine).onSetUp, []state{stateSleeping, stateTearingDown}, "ready|error"},
		stopAsked:    {(*machine).onStopEarly, []state{stateDraining}, "stop"},
		leaseLost:    {(*machine).onLeaseLost, []state{stateSettingUp, stateDraining}, "|lease lost"},
		restartAsked: {(*machine).onRestartLater, []state{stateSettingUp}, ""},
		signalCame:   {(*machine).onSignal, []state{stateSettingUp}, ""},
	},
	stateSleeping: {
		tickDue:      {(*machine).onTick, []state{stateExecuting, stateSleeping}, "tick|"},
		woken:        {(*machine).onTick, []state{stateExecuting, stateSleeping}, "SIGCONT|"},
		stopAsked:    {(*machine).onStopIdle, []state{stateTearingDown}, "stop"},
		leaseLost:    {(*machine).onLeaseLostIdle, []state{stateSleeping, stateTearingDown}, "|lease lost"},
		restartAsked: {(*machine).onRestartAsked, []state{stateSleeping}, ""},
		trialPassed:  {(*machine).onTrialPassedIdle, []state{stateTearingDown}, "trial passed"},
		trialRefused: {(*machine).onTrialRefused, []state{stateSleeping}, ""},
		signalCame:   {(*machine).onSignal, []state{stateSleeping}, ""},
		housekeeping: {(*machine).onHousekeeping, []state{stateSleeping}, ""},
	},
	stateExecuting: {
		executed:          {(*machine).onExecuted, []state{stateSleeping, stateRestarting, stateTearingDown}, "done|fatal error|fatal: exit 1"},
		stopAsked:         {(*machine).onStopBusy, []state{stateDraining}, "stop"},
		leaseLost:         {(*machine).onLeaseLost, []state{stateExecuting, stateDraining}, "|lease lost"},
		iterationTimedOut: {(*machine).onIterationTimeout, []state{stateExecuting, stateDraining}, "|time-out"},
		restartAsked:      {(*machine).onRestartAsked, []state{stateExecuting}, ""},
		trialPassed:       {(*machine).onTrialPassedBusy, []state{stateDraining}, "trial passed"},
		trialRefused:      {(*machine).onTrialRefused, []state{stateExecuting}, ""},
		signalCame:        {(*machine).onSignal, []state{stateExecuting}, ""},
		housekeeping:      {(*machine).onHousekeeping, []state{stateExecuting}, ""},
	},
	stateDraining: {
		checked:    {(*machine).onDrained, []state{stateTearingDown}, "returned"},
		leased:     {(*machine).onDrainedLease, []state{stateTearingDown}, "returned"},
		setUp:      {(*machine).onDrained, []state{stateTearingDown}, "returned"},
		executed:   {(*machine).onDrained, []state{stateTearingDown, stateRestarting}, "returned|time-out"},
		stopAsked:  {(*machine).onStopAgain, []state{stateDraining, stateEnded}, "|third stop"},
		timeIsUp:   {(*machine).onDrainTimeout, []state{stateDraining, stateTearingDown, stateRestarting}, "|time-out|time-out"},
		leaseLost:  {(*machine).onLeaseLost, []state{stateDraining}, ""},
		signalCame: {(*machine).onSignal, []state{stateDraining}, ""},
	},
	stateRestarting: {
		backedOff:    {(*machine).onBackedOff, []state{stateRestarting}, ""},
		trialPassed:  {(*machine).onTrialPassedIdle, []state{stateTearingDown}, "trial passed"},
		trialRefused: {(*machine).onTrialRefusedResume, []state{stateSleeping}, "refused: go on"},
		stopAsked:    {(*machine).onStopIdle, []state{stateTearingDown}, "stop"},
		leaseLost:    {(*machine).onLeaseLostIdle, []state{stateRestarting, stateTearingDown}, "|lease lost"},
		signalCame:   {(*machine).onSignal, []state{stateRestarting}, ""},
	},
	stateTearingDown: {
		tornDown:   {(*machine).onTornDown, []state{stateEnded, stateSettingUp, stateChecking, stateTearingDown}, "exit or exec|exec failed|exec failed, no lock|"},
		stopAsked:  {(*machine).onStopAgain, []state{stateTearingDown, stateEnded}, "|second stop"},
		timeIsUp:   {(*machine).onTeardownTimeout, []state{stateTearingDown, stateEnded, stateSettingUp, stateChecking}, "|time-out|exec failed|exec failed, no lock"},
		signalCame: {(*machine).onSignal, []state{stateTearingDown}, ""},
	},
	stateEnded: {},
}

// Transition is one line of the lifecycle's table, for pictures and monitors.
type Transition struct {
	// From and To are the states before and after; they may be the same.
	From, To string

	// Event is what leads from one to the other. Precedence is its place in the
	// order in which events are handled that are ready at once: the lowest goes
	// first.
	Event      string
	Precedence int

	// Word explains it where the event's name alone does not.
	Word string
}

// Lifecycle returns the whole table of transitions that can happen, in order.
func Lifecycle() []Transition {
	var all []Transition
	for from := range lifecycle {
		for kind, e := range &lifecycle[from] {
			words := strings.Split(e.words, "|")
			for i, to := range e.to {
				t := Transition{From: state(from).String(), To: to.String(), Event: eventKind(kind).String(), Precedence: kind}
				if i < len(words) {
					t.Word = words[i]
				}
				all = append(all, t)
			}
		}
	}
	return all
}
