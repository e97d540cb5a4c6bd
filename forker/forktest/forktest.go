// Package forktest is the conformance suite of package forker: what every
// [forker.Processes] and [forker.Signals] must do, be it the machine's or a
// fake one.
//
//	func TestConformance(t *testing.T) {
//		forktest.Run(t, func(t *testing.T) forktest.World { … })
//	}
//
// A fake whose time is a synctest bubble's wraps each of [Cases] in a bubble of
// its own.
package forktest

import (
	"os"
	"testing"

	"github.com/evertick/evertick/forker"
)

// World is one process that is tested, and what surrounds it. Each case gets a
// new one.
type World struct {
	// Processes and Signals are those of the process that is tested, which is
	// a Fresh one.
	Processes forker.Processes
	Signals   forker.Signals

	// Raise sends sig to the process that is tested.
	Raise func(sig os.Signal)

	// Other starts another process on the same machine. It is gone when the
	// test has ended.
	Other func() Party

	// Dir is a folder on that machine, empty and writable; absolute.
	Dir string

	// Files are the machine's files.
	Files Files
}

// Party is another process.
type Party interface {
	// PID is its number.
	PID() int

	// Claim makes it call ClaimPID, and keeps the claim.
	Claim(path string) error

	// Remove makes it end its claim.
	Remove() error

	// Kill ends it as SIGKILL does. It is gone when Kill returns.
	Kill()
}

// Files is how a case looks at the machine's files.
type Files interface {
	ReadFile(path string) ([]byte, error)
	WriteFile(path string, data []byte) error
	Remove(path string) error
}

// Case is one thing that must hold.
type Case struct {
	// Name says what must hold.
	Name string

	// Test fails t if it does not hold in w.
	Test func(t testing.TB, w World)
}

// Cases are all cases.
func Cases() []Case {
	return append(append(birthCases(), pidCases()...), signalCases()...)
}

// Run runs all cases as subtests, each in a world that open makes.
func Run(t *testing.T, open func(t *testing.T) World) {
	for _, c := range Cases() {
		t.Run(c.Name, func(t *testing.T) { c.Test(t, open(t)) })
	}
}
