package core

import "strings"

//go:generate go run ./internal/drawlifecycle ../docs/lifecycle.dot
//go:generate go run -C ../tools ./layout ../docs/lifecycle.dot ../docs/lifecycle.svg

// Why an event does nothing in a state.
const (
	noLease      = "no lease is held"
	noWait       = "nothing is waited for"
	noPause      = "no pause is under way"
	noSleep      = "nothing sleeps"
	noLoop       = "the loop does not run"
	noRunning    = "no iteration runs"
	warmedBefore = "Setup has waited for it"
	waitedFor    = "teardown will wait for it"
	later        = "looked after when the daemon is ready again"
	over         = "nothing follows"
	notGiven     = "no such job was given" // a return that does not count never gets this far
)

// lifecycle is the state machine, whole. Nothing else moves a daemon from one
// state to another. Every event has a cell in every state.
var lifecycle = table{
	stateChecking: {
		stopAsked:         {do: (*machine).onStopEarly, to: []state{stateDraining}, words: "stop"},
		timeIsUp:          {words: noWait, impossible: true},
		leaseLost:         {words: noLease},
		iterationTimedOut: {words: noRunning},
		checked:           {do: (*machine).onChecked, to: []state{stateChecking, stateEnded}, words: "|errors: exit 1"},
		leased:            {do: (*machine).onLeased, to: []state{stateSettingUp, stateStandby, stateEnded, stateRestarting, stateTearingDown}, words: "lock won|lock held|lock held: exit 0|checks failed or a death|a death: exit 1"},
		warmedUp:          {words: "looked at when the daemon stands by or sets up"},
		setUp:             {words: notGiven, impossible: true},
		executed:          {words: notGiven, impossible: true},
		tornDown:          {words: notGiven, impossible: true},
		trialPassed:       {do: (*machine).onTrialPassedEarly, to: []state{stateChecking}},
		trialRefused:      {do: (*machine).onTrialRefused, to: []state{stateChecking}},
		restartAsked:      {do: (*machine).onRestartLater, to: []state{stateChecking}},
		signalCame:        {do: (*machine).onSignal, to: []state{stateChecking}},
		watcherChanged:    {do: (*machine).onWatcherChanged, to: []state{stateChecking}},
		housekeeping:      {words: later},
		backedOff:         {words: noPause},
		woken:             {words: noSleep},
		overdue:           {words: noRunning},
		tickDue:           {words: noLoop},
	},
	stateStandby: {
		stopAsked:         {do: (*machine).onStopStandby, to: []state{stateDraining, stateTearingDown}, words: "stop|stop"},
		timeIsUp:          {words: noWait, impossible: true},
		leaseLost:         {words: noLease},
		iterationTimedOut: {words: noRunning},
		checked:           {words: notGiven, impossible: true},
		leased:            {do: (*machine).onLeased, to: []state{stateSettingUp, stateStandby, stateEnded, stateRestarting, stateTearingDown}, words: "lock won||error|checks failed or a death|a death: exit 1"},
		warmedUp:          {do: (*machine).onWarmedUp, to: []state{stateStandby, stateDraining, stateTearingDown}, words: "|error: exit 1|error: exit 1"},
		setUp:             {words: notGiven, impossible: true},
		executed:          {words: notGiven, impossible: true},
		tornDown:          {words: notGiven, impossible: true},
		trialPassed:       {do: (*machine).onTrialPassedStandby, to: []state{stateDraining, stateTearingDown}, words: "trial passed|trial passed"},
		trialRefused:      {do: (*machine).onTrialRefused, to: []state{stateStandby}},
		restartAsked:      {do: (*machine).onRestartAsked, to: []state{stateStandby}},
		signalCame:        {do: (*machine).onSignal, to: []state{stateStandby}},
		watcherChanged:    {do: (*machine).onWatcherChanged, to: []state{stateStandby}},
		housekeeping:      {words: later},
		backedOff:         {do: (*machine).onRetry, to: []state{stateStandby}},
		woken:             {words: "the lock is waited for anyway"},
		overdue:           {words: noRunning},
		tickDue:           {words: noLoop},
	},
	stateSettingUp: {
		stopAsked:         {do: (*machine).onStopEarly, to: []state{stateDraining}, words: "stop"},
		timeIsUp:          {words: noWait, impossible: true},
		leaseLost:         {do: (*machine).onLeaseLost, to: []state{stateSettingUp, stateDraining}, words: "|lease lost"},
		iterationTimedOut: {words: noRunning},
		checked:           {words: notGiven, impossible: true},
		leased:            {words: notGiven, impossible: true},
		warmedUp:          {words: "Setup waits for it by itself"},
		setUp:             {do: (*machine).onSetUp, to: []state{stateSleeping, stateTearingDown, stateRestarting}, words: "ready|error: exit 1|error"},
		executed:          {words: notGiven, impossible: true},
		tornDown:          {words: notGiven, impossible: true},
		trialPassed:       {do: (*machine).onTrialPassedEarly, to: []state{stateSettingUp}},
		trialRefused:      {do: (*machine).onTrialRefused, to: []state{stateSettingUp}},
		restartAsked:      {do: (*machine).onRestartLater, to: []state{stateSettingUp}},
		signalCame:        {do: (*machine).onSignal, to: []state{stateSettingUp}},
		watcherChanged:    {do: (*machine).onWatcherChanged, to: []state{stateSettingUp}},
		housekeeping:      {words: later},
		backedOff:         {words: noPause},
		woken:             {words: noSleep},
		overdue:           {words: noRunning},
		tickDue:           {words: noLoop},
	},
	stateSleeping: {
		stopAsked:         {do: (*machine).onStopIdle, to: []state{stateTearingDown}, words: "stop"},
		timeIsUp:          {words: noWait, impossible: true},
		leaseLost:         {do: (*machine).onLeaseLostIdle, to: []state{stateSleeping, stateTearingDown}, words: "|lease lost"},
		iterationTimedOut: {words: noRunning},
		checked:           {words: notGiven, impossible: true},
		leased:            {words: notGiven, impossible: true},
		warmedUp:          {words: warmedBefore},
		setUp:             {words: notGiven, impossible: true},
		executed:          {words: notGiven, impossible: true},
		tornDown:          {words: notGiven, impossible: true},
		trialPassed:       {do: (*machine).onTrialPassedIdle, to: []state{stateTearingDown}, words: "trial passed"},
		trialRefused:      {do: (*machine).onTrialRefused, to: []state{stateSleeping}},
		restartAsked:      {do: (*machine).onRestartAsked, to: []state{stateSleeping}},
		signalCame:        {do: (*machine).onSignal, to: []state{stateSleeping}},
		watcherChanged:    {do: (*machine).onWatcherChanged, to: []state{stateSleeping}},
		housekeeping:      {do: (*machine).onHousekeeping, to: []state{stateSleeping}},
		backedOff:         {words: noPause},
		woken:             {do: (*machine).onTick, to: []state{stateExecuting, stateSleeping, stateRestarting, stateTearingDown}, words: "SIGCONT||schedule fails|schedule fails: exit 1"},
		overdue:           {words: noRunning},
		tickDue:           {do: (*machine).onTick, to: []state{stateExecuting, stateSleeping, stateRestarting, stateTearingDown}, words: "tick||schedule fails|schedule fails: exit 1"},
	},
	stateExecuting: {
		stopAsked:         {do: (*machine).onStopBusy, to: []state{stateDraining}, words: "stop"},
		timeIsUp:          {words: noWait, impossible: true},
		leaseLost:         {do: (*machine).onLeaseLost, to: []state{stateExecuting, stateDraining}, words: "|lease lost"},
		iterationTimedOut: {do: (*machine).onIterationTimeout, to: []state{stateExecuting, stateDraining}, words: "|time-out"},
		checked:           {words: notGiven, impossible: true},
		leased:            {words: notGiven, impossible: true},
		warmedUp:          {words: warmedBefore},
		setUp:             {words: notGiven, impossible: true},
		executed:          {do: (*machine).onExecuted, to: []state{stateSleeping, stateRestarting, stateTearingDown}, words: "done|fatal error|fatal: exit 1"},
		tornDown:          {words: notGiven, impossible: true},
		trialPassed:       {do: (*machine).onTrialPassedBusy, to: []state{stateDraining}, words: "trial passed"},
		trialRefused:      {do: (*machine).onTrialRefused, to: []state{stateExecuting}},
		restartAsked:      {do: (*machine).onRestartAsked, to: []state{stateExecuting}},
		signalCame:        {do: (*machine).onSignal, to: []state{stateExecuting}},
		watcherChanged:    {do: (*machine).onWatcherChanged, to: []state{stateExecuting}},
		housekeeping:      {do: (*machine).onHousekeeping, to: []state{stateExecuting}},
		backedOff:         {words: noPause},
		woken:             {words: noSleep},
		overdue:           {do: (*machine).onOverdue, to: []state{stateExecuting}},
		tickDue:           {words: "the schedule is asked when the iteration has returned"},
	},
	stateDraining: {
		stopAsked:         {do: (*machine).onStopAgain, to: []state{stateDraining, stateEnded}, words: "|third stop"},
		timeIsUp:          {do: (*machine).onDrainTimeout, to: []state{stateDraining, stateTearingDown, stateRestarting, stateEnded}, words: "|time-out|time-out|lock lost: at once"},
		leaseLost:         {do: (*machine).onLeaseLost, to: []state{stateDraining}},
		iterationTimedOut: {do: (*machine).onIterationTimeoutDraining, to: []state{stateDraining}},
		checked:           {do: (*machine).onDrained, to: []state{stateTearingDown}, words: "returned"},
		leased:            {do: (*machine).onDrainedLease, to: []state{stateTearingDown}, words: "returned"},
		warmedUp:          {words: waitedFor},
		setUp:             {do: (*machine).onDrained, to: []state{stateTearingDown}, words: "returned"},
		executed:          {do: (*machine).onDrained, to: []state{stateTearingDown, stateRestarting}, words: "returned|time-out"},
		tornDown:          {words: notGiven, impossible: true},
		trialPassed:       {do: (*machine).onTrialReturnedLate, to: []state{stateDraining}},
		trialRefused:      {do: (*machine).onTrialReturnedLate, to: []state{stateDraining}},
		restartAsked:      {do: (*machine).onRestartTooLate, to: []state{stateDraining}},
		signalCame:        {do: (*machine).onSignal, to: []state{stateDraining}},
		watcherChanged:    {do: (*machine).onWatcherChanged, to: []state{stateDraining}},
		housekeeping:      {words: later},
		backedOff:         {words: noPause},
		woken:             {words: noSleep},
		overdue:           {words: "it is waited for, which is logged"},
		tickDue:           {words: noLoop},
	},
	stateRestarting: {
		stopAsked:         {do: (*machine).onStopIdle, to: []state{stateTearingDown}, words: "stop"},
		timeIsUp:          {words: noWait, impossible: true},
		leaseLost:         {do: (*machine).onLeaseLostIdle, to: []state{stateRestarting, stateTearingDown, stateEnded}, words: "|lease lost|abandoned: at once"},
		iterationTimedOut: {words: noRunning},
		checked:           {words: notGiven, impossible: true},
		leased:            {words: notGiven, impossible: true},
		warmedUp:          {words: warmedBefore},
		setUp:             {words: notGiven, impossible: true},
		executed:          {words: notGiven, impossible: true},
		tornDown:          {words: notGiven, impossible: true},
		trialPassed:       {do: (*machine).onTrialPassedIdle, to: []state{stateTearingDown}, words: "trial passed"},
		trialRefused:      {do: (*machine).onTrialRefusedAgain, to: []state{stateSleeping, stateRestarting, stateTearingDown}, words: "refused: go on||refused: set up again"},
		restartAsked:      {do: (*machine).onRestartNow, to: []state{stateRestarting}},
		signalCame:        {do: (*machine).onSignal, to: []state{stateRestarting}},
		watcherChanged:    {do: (*machine).onWatcherChanged, to: []state{stateRestarting}},
		housekeeping:      {words: later},
		backedOff:         {do: (*machine).onBackedOff, to: []state{stateRestarting}},
		woken:             {words: noSleep},
		overdue:           {words: noRunning},
		tickDue:           {words: noLoop},
	},
	stateTearingDown: {
		stopAsked:         {do: (*machine).onStopAgain, to: []state{stateTearingDown, stateEnded}, words: "|second stop"},
		timeIsUp:          {do: (*machine).onTeardownTimeout, to: []state{stateTearingDown, stateEnded, stateSettingUp, stateChecking, stateRestarting}, words: "|time-out|exec failed|exec failed, no lock|exec failed, checks failed"},
		leaseLost:         {do: (*machine).onLeaseLostTearingDown, to: []state{stateTearingDown, stateEnded}, words: "|abandoned: at once"},
		iterationTimedOut: {words: noRunning},
		checked:           {words: notGiven, impossible: true},
		leased:            {words: notGiven, impossible: true},
		warmedUp:          {words: "teardown waits for it by itself"},
		setUp:             {words: notGiven, impossible: true},
		executed:          {words: notGiven, impossible: true},
		tornDown:          {do: (*machine).onTornDown, to: []state{stateEnded, stateSettingUp, stateChecking, stateTearingDown, stateRestarting}, words: "exit or exec|exec failed|exec failed, no lock||exec failed, checks failed"},
		trialPassed:       {do: (*machine).onTrialReturnedLate, to: []state{stateTearingDown}},
		trialRefused:      {do: (*machine).onTrialReturnedLate, to: []state{stateTearingDown}},
		restartAsked:      {do: (*machine).onRestartTooLate, to: []state{stateTearingDown}},
		signalCame:        {do: (*machine).onSignal, to: []state{stateTearingDown}},
		watcherChanged:    {do: (*machine).onWatcherChanged, to: []state{stateTearingDown}},
		housekeeping:      {words: later},
		backedOff:         {words: noPause},
		woken:             {words: noSleep},
		overdue:           {words: noRunning},
		tickDue:           {words: noLoop},
	},
	stateEnded: {
		stopAsked: {words: over}, timeIsUp: {words: over}, leaseLost: {words: over},
		iterationTimedOut: {words: over}, checked: {words: over}, leased: {words: over},
		warmedUp: {words: over}, setUp: {words: over}, executed: {words: over}, tornDown: {words: over},
		trialPassed: {words: over}, trialRefused: {words: over}, restartAsked: {words: over},
		signalCame: {words: over}, watcherChanged: {words: over}, housekeeping: {words: over}, backedOff: {words: over},
		woken: {words: over}, overdue: {words: over}, tickDue: {words: over},
	},
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
