// Package explore plays random lives of a daemon, and finds what no test of ours
// tries: it draws options, what Execute and the other functions do, and what
// happens beside the daemon, plays each life in the bubble of package daemontest,
// and judges it by what must be true of every life.
//
//	func TestSearch(t *testing.T) { explore.Search(t, 1, 4000, explore.Cells{}) }
//
// A life is a [Life]: plain data. A failing one is shrunk, and printed with its
// timeline, as Go source of a scenario to paste into a test, and as the line that
// plays it again with [Replay].
//
// # How lives are drawn
//
// Defects live in ties. So instants are drawn from those that mean something to
// the daemon (a tick, the instant of another step, the end of a time-out, a
// millisecond before or after) as well as at random; and the steps of a life
// often have a theme, such as a lock that comes and goes, because what belongs
// together finds more when it meets. Some time after the last step every fault
// is mended, so that it can be seen whether the daemon recovers; then it is
// stopped.
//
// # What must be true
//
// Safety, at each event:
//
//   - Never two iterations at once in a process, nor in two processes under one
//     lock, as long as nobody tampers with the lock.
//
//   - No iteration begins without the lock, nor later after it was taken away
//     than its holder can have noticed.
//
//   - No iteration runs past its time-out; no stage is set up or torn down twice,
//     or never torn down; every tick is served or counted as missed, once; only
//     somebody who asks twice forces a stop.
//
//   - No event comes that the lifecycle calls impossible, and no goroutine is
//     left: package daemontest finds these.
//
//   - A fork is refused from the moment on at which a stop or a restart is decided,
//     and never else; no child lives when the lock is given back, when the next
//     program is executed, or after its daemon; each is reaped once.
//
//   - A detached daemon that is ready has a watcher, or has another one within the
//     pause that follows the end of one.
//
// In the end:
//
//   - Some time after the last fault, it executes again or has ended.
//   - It has ended within its bound after SIGTERM, and the last line of its log
//     says the status that it ended with.
//   - Every restart that was asked for was carried out or refused, every dump is
//     in the log, and what -s said was true.
//   - Every alert was mailed, or the log tells that it was not.
//   - Each death of a daemon that had a watcher was followed by that, and nothing
//     else was: neither an end of the daemon's own, nor the death of one that was
//     asked to stop.
//   - No lock, no PID file and no watcher is left.
//
// # Files
//
// life: the data, and the bounds that it is judged by. draw: at random. declare:
// as a daemon and its scenario. children: what it forks; childcheck: what must
// be true of that; watchercheck: of what starts it again. source: as Go source.
// notes: what is noted of a life. check: what must be true at each event. watch:
// takes the notes while a life is played. judge: what must be true in the end.
// play: one life. search: many lives, and the cells that they reach.
package explore
