package core

import (
	"fmt"
	"time"
)

// onHousekeeping looks after what others may have touched, and after memory.
func (m *machine) onHousekeeping(event) state {
	m.timers.setAfter(housekeepingAt, m.housekeepingPause())
	if m.hasTerminal.Load() && !m.terminal() { // a shell has let go of the daemon
		m.hasTerminal.Store(false)
	}
	if text := m.pid.restore(); text != "" {
		m.d.Logf("%s", text)
	}
	if mark := m.d.set.restartAboveMemory; mark > 0 && m.d.restartsByItself() {
		now, _ := m.d.host.Resident()
		if m.health.weigh(now, mark) && m.d.history.memoryRestart(m.d.host.Clock.Boot(), m.backoff) {
			m.d.Restart(fmt.Sprintf("resident memory %d MB above %d MB", now>>20, mark>>20))
		}
	}
	return m.state
}

// housekeepingPause returns 0 where there is nothing to look after.
func (m *machine) housekeepingPause() time.Duration {
	switch {
	case m.d.set.restartAboveMemory > 0:
		return time.Second
	case m.pid.locked():
		return 10 * time.Second
	default:
		return 0
	}
}
