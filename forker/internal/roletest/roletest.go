// Package roletest lets a test start its own binary again, in another role.
//
//	func TestMain(m *testing.M) {
//		roletest.Main(m, map[string]roletest.Role{"block": func([]string) { roletest.Block() }})
//	}
package roletest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/forker/internal/process"
)

// Patience is how long a test waits for what must come.
const Patience = time.Minute

// Role is what the test binary does instead of testing. It gets the arguments
// after the role's name.
type Role func(args []string)

// Main runs the role that this process was started in, else the tests.
func Main(m *testing.M, roles map[string]Role) {
	if len(os.Args) > 2 && os.Args[1] == "role" {
		go func() { // no process outlives its test for long
			time.Sleep(3 * Patience)
			os.Exit(99)
		}()
		roles[os.Args[2]](os.Args[3:])
		os.Exit(0)
	}
	// A child with the race detector would sleep for a second before it ends.
	Must(os.Setenv("GORACE", "atexit_sleep_ms=0 "+os.Getenv("GORACE")))
	os.Exit(m.Run())
}

// Args returns the arguments that start the test binary in a role.
func Args(role string, args ...string) []string {
	return append([]string{"role", role}, args...)
}

// Command returns the test binary in a role, as an ordinary child.
func Command(role string, args ...string) *exec.Cmd {
	path, err := os.Executable()
	Must(err)
	return exec.Command(path, Args(role, args...)...)
}

// Block waits to be killed.
func Block() { select {} }

// Must ends a role with status 90 if err is not nil.
func Must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "must:", err)
		os.Exit(90)
	}
}

// Within returns a context that ends with the test, or after Patience.
func Within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	t.Cleanup(cancel)
	return ctx
}

// Eventually waits until yes.
func Eventually(t testing.TB, what string, yes func() bool) {
	t.Helper()
	for end := time.Now().Add(Patience); !yes(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			require.FailNow(t, "it has not come", what)
		}
	}
}

// Gone reports whether process pid has ended, reaped or not.
func Gone(pid int) bool {
	_, err := process.Start(pid)
	return errors.Is(err, os.ErrProcessDone)
}

// Save writes value to path in one step.
func Save(path string, value any) {
	text, err := json.Marshal(value)
	Must(err)
	Must(os.WriteFile(path+".new", text, 0o644))
	Must(os.Rename(path+".new", path))
}

// Load waits for what Save writes.
func Load[T any](t testing.TB, path string) T {
	t.Helper()
	var value T
	Eventually(t, path, func() bool {
		text, err := os.ReadFile(path)
		return err == nil && json.Unmarshal(text, &value) == nil
	})
	return value
}
