//go:build !race

package forker_test

// raced says that the race detector is on.
const raced = false
