//go:build !linux

package nobody

import "testing"

// ID is the user and group that parts of tests run as.
const ID = 65534

// Run skips the test: only on Linux can a thread alone become somebody else.
func Run(t testing.TB, _ func()) {
	t.Helper()
	t.Skip("needs Linux, to be somebody else")
}
