package daemontest

import (
	"fmt"
	"time"
)

// Faults of the store of the locks that are no files. LockOutage, LockTakes,
// FreeLock and StealLock are for lock files, too.

// LockAnswersLost lets every operation on a lock take effect, while its caller is
// given err instead of the answer; nil ends that.
func LockAnswersLost(err error) Action {
	return condition(fmt.Sprintf("lock store's answers: %v", err), func(w *World) { w.sim.Locks.SetLost(err) })
}

// LockPauses lets the lock store stop, as a server does at SIGSTOP, or go on. An
// operation waits until then. One that its caller has given up meanwhile takes
// effect all the same, when the store goes on.
func LockPauses(paused bool) Action {
	return condition(fmt.Sprintf("lock store pauses: %t", paused), func(w *World) { w.sim.Locks.SetPaused(paused) })
}

// LockUnwatched lets every lock.Waiter's Wait fail with err, as when a watch is
// refused: a standby has to ask again and again. Nil ends that.
func LockUnwatched(err error) Action {
	return condition(fmt.Sprintf("lock store's watch: %v", err), func(w *World) { w.sim.Locks.SetUnwatched(err) })
}

// StepLockClock moves the lock store's own clock by d: forwards, leases end
// sooner than their holders count; back, later.
func StepLockClock(d time.Duration) Action {
	return condition(fmt.Sprintf("lock store's clock %+v", d), func(w *World) { w.sim.Locks.StepClock(d) })
}
