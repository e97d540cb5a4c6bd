// Package signals is how signals reach a daemon: each kind in order, none lost,
// and none lethal while one program of the process replaces another.
//
// [System] is the real [Listener]; package signalstest tests any other.
//
// # What is guaranteed
//
//   - A storm of one kind holds up no other: each kind has a goroutine of its
//     own.
//   - Each SIGINT and SIGTERM is delivered, also while deliver is busy: a second
//     one forces what the first one asked for. Other kinds may be merged.
//   - When Quiesce returns, every signal that had arrived has been delivered.
//   - A SIGHUP at the wrong moment of a restart does not kill the process, and a
//     SIGTERM at any moment ends it.
//
// # Restarting in place
//
// An exec takes all signal handlers away, and until the new program has its
// own, a SIGHUP would kill it. So Quiesce ignores the signals that must not
// kill, which the kernel passes on to the new program. SIGTERM keeps its
// default effect: between two programs, ending is the right thing to do.
//
// The new program subscribes to its signals while package forker/reexec starts;
// its first Listen gets those that have arrived meanwhile.
package signals
