package network

import "time"

// deadline is one of a connection's end.
type deadline struct {
	at    time.Time
	timer *time.Timer
}

// set replaces the deadline; a zero time means none. When it passes, wake is
// called.
func (d *deadline) set(at time.Time, wake func()) {
	d.stop()
	d.at = at
	if wait := time.Until(at); !at.IsZero() && wait > 0 {
		d.timer = time.AfterFunc(wait, wake)
	}
}

func (d *deadline) passed() bool { return !d.at.IsZero() && !time.Now().Before(d.at) }

func (d *deadline) stop() {
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
}
