// Package timeline records what happens in a scenario, in order, and puts it
// into words.
//
// A [Timeline] holds entries. Each process of the world writes through a
// [Source] of its own, which knows the process by its PID alone; the world
// itself writes under PID 0. An iteration is one entry, written when it begins
// and completed when it ends.
//
// [Timeline.Write] gives the lines that golden files hold, and
// [Timeline.Report] as many of them as a failure prints; [Divergence] compares
// two of them. [Edges] counts which edges of the lifecycle were taken.
//
// A log message that reached nobody is marked; [Timeline.Settle] takes the mark
// off those that were written later.
//
// PIDs are unique over all machines of a world, so a cluster needs no second
// number here: a host's name becomes one more field of the source. The picture
// of a timeline is another writer beside write.go.
package timeline
