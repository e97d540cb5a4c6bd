package core

import (
	"slices"
	"sync"
	"time"
)

// quietAfter is how long after an error the next one is the first in a row
// again.
const quietAfter = 10 * time.Minute

// noMaxRestarts is no limit to restarts after errors.
const noMaxRestarts = -1

// pastRestarts is what the programs of a process know of its restarts. Times
// are readings of the Boot clock, which the programs share.
type pastRestarts struct {
	Ready         time.Duration   `json:"ready"`        // when the first program was, also that of a process that has died since; 0: not yet
	Up            time.Duration   `json:"up,omitempty"` // when the first program of this process was; 0: not yet
	Restarts      int64           `json:"restarts"`
	ErrorRestarts []time.Duration `json:"error_restarts,omitempty"`
	InARow        int             `json:"in_a_row,omitempty"`   // errors, without quietAfter between two
	LastError     time.Duration   `json:"last_error,omitempty"` // 0: none
	LastCause     string          `json:"last_cause,omitempty"`

	MemoryInARow int           `json:"memory_in_a_row,omitempty"` // restarts for too much memory, without quietAfter between two
	LastMemory   time.Duration `json:"last_memory,omitempty"`     // 0: none
}

// restartHistory is pastRestarts for many goroutines.
type restartHistory struct {
	mu   sync.Mutex // held for instants only
	past pastRestarts
}

// restore takes over the history of the program before, which a restart ended.
func (h *restartHistory) restore(past pastRestarts) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.past = past
	h.past.Restarts++
}

// adopt takes over the history of a process that has died.
func (h *restartHistory) adopt(past pastRestarts) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.past = past
	h.past.Up = 0
}

// copy returns the history.
func (h *restartHistory) copy() pastRestarts {
	h.mu.Lock()
	defer h.mu.Unlock()
	past := h.past
	past.ErrorRestarts = slices.Clone(past.ErrorRestarts)
	return past
}

// snapshot returns the history as the next program is to have it.
func (h *restartHistory) snapshot(cause string) pastRestarts {
	h.mu.Lock()
	defer h.mu.Unlock()
	past := h.past
	past.LastCause = cause
	return past
}

func (h *restartHistory) restarts() int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.past.Restarts
}

// counts returns the number of all restarts, and of those after errors that the
// window of MaxRestarts holds.
func (h *restartHistory) counts() (all, afterErrors int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.past.Restarts, int64(len(h.past.ErrorRestarts))
}

func (h *restartHistory) lastCause() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.past.LastCause
}

// becameReady notes when it was first ready.
func (h *restartHistory) becameReady(boot time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.past.Ready == 0 {
		h.past.Ready = boot
	}
	if h.past.Up == 0 {
		h.past.Up = boot
	}
}

// upSince returns when the process was ready for the first time; 0: it has not been
// yet.
func (h *restartHistory) upSince() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.past.Up
}

// readySince returns when the process, or one before it that has died, was ready for
// the first time; 0: it has not been yet.
func (h *restartHistory) readySince() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.past.Ready
}

// readyFor returns how long the daemon had been ready at that time.
func (h *restartHistory) readyFor(boot time.Duration) time.Duration { return boot - h.readySince() }

// errorRestart counts one more restart after an error, if fewer than limit lie
// within the window before now, or limit is noMaxRestarts, and returns how many errors came in a row
// before it.
func (h *restartHistory) errorRestart(now, window time.Duration, limit int) (inARow int, allowed bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := &h.past
	p.ErrorRestarts = slices.DeleteFunc(p.ErrorRestarts, func(at time.Duration) bool { return now-at > window })
	if limit != noMaxRestarts && len(p.ErrorRestarts) >= limit {
		return p.InARow, false
	}
	p.ErrorRestarts = append(p.ErrorRestarts, now)
	if p.LastError == 0 || now-p.LastError >= quietAfter {
		p.InARow = 0
	}
	inARow = p.InARow
	p.InARow++
	p.LastError = now
	return inARow, true
}

// memoryRestart reports whether a restart for too much memory is due, and counts
// it: one that has not helped is followed by the next after a pause that grows.
func (h *restartHistory) memoryRestart(now time.Duration, pause func(inARow int) time.Duration) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := &h.past
	switch since := now - p.LastMemory; {
	case p.LastMemory == 0 || since >= quietAfter:
		p.MemoryInARow = 0
	case since < pause(p.MemoryInARow-1):
		return false
	}
	p.MemoryInARow++
	p.LastMemory = now
	return true
}
