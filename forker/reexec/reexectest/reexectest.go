// Package reexectest is the conformance suite of package reexec: what every
// [reexec.Self] must do, be it the operating system's or a fake one.
//
//	func TestMyProcessConforms(t *testing.T) {
//		reexectest.Run(t, reexectest.Subject{
//			New: func(t *testing.T) reexectest.Process { … },
//			In:  synctest.Test,
//		})
//	}
package reexectest

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/forker/reexec"
)

// Subject is the process to be tested.
type Subject struct {
	// New returns a Fresh process. It is called once for each case.
	New func(t *testing.T) Process

	// In runs each case, as synctest.Test does for a process that belongs into
	// a bubble. Nil runs it as it is.
	In func(t *testing.T, test func(t *testing.T))
}

// Process is a process that is tested.
type Process struct {
	// Info is what it is, and Self what it does with itself.
	Info reexec.Info
	Self reexec.Self

	// OtherPID is the number of another process on the same machine.
	OtherPID int
}

// Run tests the subject, each promise in a subtest of its own.
func Run(t *testing.T, s Subject) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, p Process)
	}{
		{"a fresh process knows itself", freshKnowsItself},
		{"a report that no process waits for is no error", reportWithoutLauncher},
	} {
		t.Run(c.name, func(t *testing.T) {
			test := func(t *testing.T) { c.test(t, s.New(t)) }
			if s.In == nil {
				test(t)
				return
			}
			s.In(t, test)
		})
	}
}

func freshKnowsItself(t *testing.T, p Process) {
	require.Positive(t, p.Info.PID)
	require.NotEqual(t, p.Info.PID, p.OtherPID)
	require.True(t, filepath.IsAbs(p.Info.Executable), p.Info.Executable)
	require.Equal(t, reexec.Fresh, p.Info.Origin.Kind)
	require.Nil(t, p.Info.Origin.State)
	require.True(t, filepath.IsAbs(p.Info.Origin.Dir), p.Info.Origin.Dir)
}

func reportWithoutLauncher(t *testing.T, p Process) {
	require.NoError(t, p.Self.Report(reexec.Report{Running: true}))
	require.NoError(t, p.Self.Report(reexec.Report{Code: 1, Message: "again"}))
}
