// Package etcdlock is a lock in an etcd cluster, for daemons that must not run
// twice, whatever machine they are on.
//
// It is a module of its own, so that a daemon without it does not link etcd's
// client. Import it, and lock.Parse knows its scheme:
//
//	etcd://host:port[,host:port]/key?ttl=5s
//
// or declare it with [New], which also takes what a URL has no place for: [TLS] and
// [Login]. The key is what follows the first slash; etcd://host//a/b is the key
// /a/b.
//
// # Guarantees
//
//   - The key is created, under a lease, in one transaction that succeeds only where
//     the key is absent. The cluster's majority has written it before anybody is told
//     of it: no crash, restart or partition of the cluster gives it to a second owner
//     before the first one's TTL is over.
//   - The token is the revision of the cluster at which the key was created. It grows
//     with each write to the cluster, and is the same for every reader of the key, so
//     that another service can check it.
//   - The TTL is what the cluster has granted, which may be more than was asked for.
//   - A renewal is one question whether the key is still the one that was created, and
//     one keep-alive of its lease, both answered. An administrator who deletes the
//     key, or puts another value there, takes the lock away, and its holder learns
//     it by the next renewal.
//   - A restart keeps the lease: the next program renews it by its number.
//   - Release deletes the key only while it is the one that was created.
//   - A Wait sees the deletion at once. Where the holder has died, the cluster deletes
//     the key up to half a second after the TTL.
//
// # What it cannot promise
//
// No lease stops a holder who is stopped himself: a process that was suspended for
// longer than its TTL goes on where it was until it learns the time. The daemon's own
// deadline, which counts from the moment at which the last confirmed renewal was sent,
// ends its work before another one can have the lock; what it does in the
// milliseconds after it has woken, only the token can refuse. The notice that etcd's
// client gives of an ended session is no such deadline, and is not used.
//
// A cluster that is restored from a backup, or set up again, starts from an older
// revision: its tokens may repeat.
//
// A cluster without a majority answers nobody: the holder gives up at its deadline,
// and nobody takes over until the cluster is back.
package etcdlock
