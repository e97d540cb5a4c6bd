// Package clockwork answers one question: when is the next tick?
//
// # Ticks
//
// A [Pacing] declares when the iterations of a daemon start: an interval, what
// the first tick is, what becomes of missed ones. A [Schedule] follows it. It is
// asked at the start and at the end of each iteration, reads no clock and never
// sleeps, and it guarantees for any durations, suspensions and restarts:
//
//   - Each tick is either served by an iteration or counted as missed, once.
//   - Nothing drifts: after 10,000 ticks a daemon is as punctual as after one.
//   - Jitter stays below its bound, and ticks keep their order.
//
// Below it lies a [Grid], an endless row of equally spaced instants. A late
// iteration skips instants; it never shifts the row. [Aligned] tells where a
// grid begins that stands on the wall clock's round numbers. [Backoff] is the
// pause between attempts that fail.
//
// A [CalendarSchedule] does the same for ticks that somebody else decides, a
// [Calendar], such as a line of crontab(5). They are instants of the wall clock,
// which may be set, so it is asked again each minute, and where [WatchWall] tells
// of a step; it serves no tick twice.
//
// # Three readings
//
// A machine has more than one idea of the time, and a daemon that confuses
// them runs twice when the hour is put back. A [Clock] keeps them apart:
//
//   - Now is for intervals. It only ever goes forwards, even when the wall
//     clock is set.
//   - Wall is for people and for files: what a log line or a mail says.
//   - Boot is for leases and for other processes: it goes on counting while
//     the machine is suspended, and all processes of a machine read the same
//     value.
//
// A [Timer] that was stopped or reset never delivers an old value.
//
// # Punctuality
//
// Go's own timers are waited for by whole milliseconds, so that a tick is half a
// millisecond late on average. On Linux the real clock's timers are the kernel's,
// timerfd_create(2): one descriptor for all timers, and another one for those that
// count suspended time, see [SleepUntilBoot]. Both are closed when the program is
// replaced, and no thread waits for them. Where there is no free descriptor when
// the first timer is set, on other systems, and in a bubble of testing/synctest,
// the runtime's timers serve.
//
// A timer fires when the machine has woken, which from a deep sleep may take most
// of a millisecond. Who needs it closer wakes early and reads the clock until the
// time has come, where [CanBusyWait] says that this comes to an end.
//
// # Whose clock
//
// [Real] is the machine's. Everything in Evertick that has to do with time is
// given its Clock, so that a test can give it another one: the harness in
// daemontest plays whole days in milliseconds. [From] takes any clock of
// github.com/benbjohnson/clock, for those who want to move time by hand. Every
// clock passes the suite in clockwork/clocktest.
package clockwork
