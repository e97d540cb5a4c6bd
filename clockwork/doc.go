// Package clockwork answers one question: when is the next tick?
//
// A [Grid] is an endless row of equally spaced instants. A late iteration
// skips the instants that it missed; it never shifts the row, so that after
// 10,000 ticks a daemon is as punctual as after one. [Aligned] is where a grid
// begins that shall stand on the wall clock's round numbers.
//
// # Three readings
//
// A machine has more than one idea of the time, and a daemon that confuses
// them runs twice when the hour is put back. A [Clock] keeps them apart:
//
//   - Now is for intervals. It only ever goes forwards, whatever somebody does
//     to the wall clock.
//   - Wall is for people and for files: what a log line or a mail says.
//   - Boot is for leases and for other processes: it goes on counting while
//     the machine is suspended, and its neighbours read the same value.
//
// A [Timer] that was stopped or reset never delivers a value of before; what
// that takes is done here, once.
//
// # Whose clock
//
// [Real] is the machine's. Everything in Evertick that has to do with time is
// handed its Clock, so that a test can hand it another one: the harness in
// daemontest plays whole days in milliseconds. [From] takes any clock of
// github.com/benbjohnson/clock, for those who want to move time by hand. Every
// clock passes the suite in clockwork/clocktest.
package clockwork
