// Package memcachedlock is a lock that several machines share, in a memcached.
//
//	core.WithLock(memcachedlock.New([]string{"cache-1:11211"}, "poller", memcachedlock.Options{TTL: 7 * time.Second}))
//
// A program that imports it can also say so by URL:
//
//	memcached://cache-1:11211/poller?ttl=7s
//
// # What it promises
//
//   - The lock is taken in one atomic step (add), and expires when its holder
//     dies: at most the TTL later.
//   - It is renewed and released only where it is still its holder's own: the
//     value is read, compared and swapped (gets, cas). A late release cannot
//     delete a rival's lock.
//   - A request whose answer was lost is looked into, not guessed at.
//   - A lease that is no longer there is lost. It is never silently taken again.
//   - It survives a restart of the program, and is never free meanwhile.
//   - Its tokens grow with each owner. The last one is kept in the server,
//     beside the lock, and the clock's microseconds make them grow where the
//     server has lost it.
//
// # What it does not
//
// memcached is a cache, and forgets. Each of these frees a lock that is held, so
// that somebody else can take it at once:
//
//   - the server restarts, or is flushed;
//   - it evicts the lock, because it is short of memory: give the lock a server
//     that is not full;
//   - it stands still for longer than a second, as when its machine is suspended.
//     It may carry out a renewal before it looks at the clock, so that the lease
//     ends too early by that pause. A slow renewal is therefore repeated; what is
//     left are those sent in the last milliseconds of the pause.
//
// The former holder notices when it renews next. Until then, and at most for the
// TTL, two hold the lock. Where that is too much, hand the token to whatever the
// lock protects, or use lock/etcdlock.
//
// Tokens grow only as far as the clocks of the machines agree, once the server has
// lost the last one.
//
// # Time
//
// memcached counts whole seconds: of a TTL of 7 s, more than 5 are certain. That
// is what the lease's TTL says. Hence a TTL below 4 s is refused. The TTL is 10 s
// unless it is set: a lock does not know the daemon's interval, see
// [Lock.BindInterval].
//
// # Servers
//
// With several servers, the lock is on one of them, which its key chooses. The
// order in which they are named does not matter, but all daemons must name the
// same ones. A server that is down is out of reach; the lock does not move to
// another one, which would give it two owners.
package memcachedlock
