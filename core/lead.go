package core

import "time"

const (
	// maxLead is the longest lead: a tick in a second costs less than a
	// thousandth of a processor by it.
	maxLead = time.Millisecond

	// leadShare is which part of a wait its lead may be.
	leadShare = 100

	// leadDecay is how many wake-ups a lead that is longer than needed takes to
	// become shorter by most of the difference.
	leadDecay = 64
)

// lead is how long before a tick the event goroutine wakes, so that the machine's
// wake-up latency is over when the tick is due. What is left of it is spent reading
// the clock. It follows a high quantile of the latencies: one that was longer counts
// from the next wake-up on, shorter ones pull it down slowly.
type lead time.Duration

// of returns the lead of a wait.
func (l lead) of(wait time.Duration) time.Duration {
	return max(min(time.Duration(l), wait/leadShare), 0)
}

// observe notes how late a wake-up was.
func (l *lead) observe(latency time.Duration) {
	longer := lead(min(latency, maxLead)) - *l
	if longer < 0 {
		longer /= leadDecay
	}
	*l += longer
}
