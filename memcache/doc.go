// Package memcache is a client of memcached for programs that keep running.
//
//	cache := memcache.New([]string{"localhost:11211"}, memcache.Options{Timeout: 2 * time.Second})
//	err := cache.Set(ctx, memcache.Item{Key: "price", Value: []byte("42"), TTL: time.Minute})
//
// # Guarantees
//
//   - A command is tried again until it is answered or its time is over: the
//     time-out of the client or the caller's context, whichever ends first. A
//     server that restarts within that time costs a pause and no error.
//   - Only what may be tried again is tried again. An Add, CompareAndSwap,
//     Increment or Decrement whose answer was lost is looked into, and where that
//     does not tell what has become of it, the error matches [ErrAmbiguous].
//   - A [Client.CompareAndSwap] never mistakes the value that a restarted server
//     has for the one that was read, though its ids begin at 1 again.
//   - A key that memcached would misread is refused before anything is sent.
//   - No call outlives its context, even where a server accepts and never answers.
//
// Get, GetMulti, Set, Replace, Touch and Delete are simply repeated after a lost
// answer. A value that somebody else writes at that instant may be written over or
// deleted by the repetition.
//
// # Servers
//
// With several servers, each key is on one of them, which the hash of the key
// chooses. All clients must name them in the same order. The keys of a server
// that is down cannot be reached; nothing moves to another one.
//
// memcached forgets: when it restarts, when it is flushed, and when it needs the
// memory. Its clock has whole seconds, so that an item with a TTL of 5 s is
// there for more than 4 and at most 5 of them.
//
// # Namespaces
//
// [Client.Namespace] returns a client whose keys are apart from those of all
// others. FlushNamespace drops all of them at once: the namespace has a version,
// which is a part of each key and which the server keeps, and then it gets
// another one. That costs each command one more question to the server, see
// Options.VersionAge.
//
// # Values of other types
//
// [Of] reads and writes values by a [Codec]: [Bytes], [String], [Number], [JSON].
//
// # Tests
//
// Take a [Cache] where a test is to give another one. The package memcachetest
// has a server in memory, which fails on demand and plays in a synctest bubble,
// and starts real ones.
package memcache
