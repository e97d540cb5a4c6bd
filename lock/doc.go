// Package lock makes sure that a daemon runs once.
//
// # Guarantees
//
// A lock that is held is a [Lease]:
//
//   - It is taken in one atomic step. Of any number of starters at the same
//     instant exactly one wins, whatever the previous owner has left behind.
//   - It ends by itself when its holder dies, and only its holder releases it.
//   - It survives a restart: the next program of the same process inherits it,
//     and it is never free in between.
//   - It carries a token that grows with each new owner. Hand it to whatever
//     the lock protects, and a late write of a former owner can be refused.
//
// # Three locks
//
// [File] is the one to use on a single machine. The kernel holds it, and frees
// it the moment its holder is gone, be it by SIGKILL. The file names its owner
// for people to read. It is never unlinked: a lock file that is deleted when
// it looks stale has two owners as soon as two starters find it stale.
//
// [Null] is always won; it is for development.
//
// [Memory] is the lock of the tests: a store within the process, with leases
// that expire, outages, evictions and thieves.
//
// Daemons on several machines share one in package lock/memcachedlock, or, where
// two at once must never be, in lock/etcdlock, which is a module of its own.
// docs/locks.md compares them.
//
// [Parse] makes a lock of a URL, as a command line or a configuration file has
// it; further kinds join by [Register].
//
// # A life
//
// [Locker] says where a lock is, and holds nothing. Acquire answers at once: a
// lease, or a [HeldError] that tells who holds the lock, or another error. To
// wait for a lock, ask again; one that is a [Waiter] tells when that is worth it.
// One that is a [Looker] tells who holds it without asking for it. The lease is
// renewed from time to time, which also finds out that it was lost. Handoff
// prepares it for the next program, Inherit takes it over there, and Release gives
// it back.
//
// A lock that depends on where it is used is a [Binder]: a daemon gives it the
// folder that it was started in, and its clock.
//
// Every lock passes the suite in lock/locktest.
package lock
