package core

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/logfile"
)

// handover is what a program passes to the next one of its process, as JSON.
type handover struct {
	PIDFile *string `json:"pid_file,omitempty"` // pidfile's handoff
	Lease   *string `json:"lease,omitempty"`    // lock's handoff

	LeaseSince time.Time `json:"lease_since,omitzero"` // by the wall clock

	Boot     time.Duration           `json:"boot"`              // when this was written
	Schedule clockwork.ScheduleState `json:"schedule,omitzero"` // the zero value: there is none yet

	Calendar *clockwork.CalendarState `json:"calendar,omitempty"` // where a schedule of the user's stands

	Iterations int64 `json:"iterations"`
	Overruns   int64 `json:"overruns"`
	Missed     int64 `json:"missed"`
	Failures   int64 `json:"failures"`

	Died int `json:"died,omitempty"` // the process that the watcher has seen die; 0: the program before

	Started  time.Time       `json:"started"` // the process, by the wall clock
	Restarts pastRestarts    `json:"restarts"`
	Alerts   json.RawMessage `json:"alerts,omitempty"` // mail.Queue's
	Log      logfile.Held    `json:"log,omitzero"`
	Children string          `json:"children,omitempty"` // forker's handoff
}

func readHandover(state []byte) (*handover, error) {
	var h handover
	if err := json.Unmarshal(state, &h); err != nil {
		return nil, fmt.Errorf("what the program before handed over cannot be read, so counters and grid start again: %w", err)
	}
	return &h, nil
}

func (h *handover) stats() Stats {
	return Stats{Iterations: h.Iterations, Overruns: h.Overruns, Missed: h.Missed, Failures: h.Failures}
}
