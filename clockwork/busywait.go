package clockwork

import "time"

// CanBusyWait reports whether the time of c goes on while its caller does nothing
// but read it: so does the real clock's. That of a bubble of testing/synctest and
// that of a Mock stand still.
func CanBusyWait(c Clock) bool {
	_, isMachine := c.(machine)
	return isMachine && !inBubble()
}

// inBubble reports whether the caller is in a bubble of testing/synctest, whose
// time stands still while a goroutine runs. A machine whose clock is so coarse that
// two readings are the same has no use for a better timer than the runtime's.
func inBubble() bool {
	began := time.Now()
	for range 3 {
		if !time.Now().Equal(began) {
			return false
		}
	}
	return true
}
