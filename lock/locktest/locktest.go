// Package locktest is the test that every lock of Evertick passes: the file's,
// the network's, and the fakes of the harness.
//
//	func TestMyLock(t *testing.T) {
//		locktest.Run(t, locktest.Subject{
//			New: func(t *testing.T) (a, b lock.Locker) { return mine, mine },
//		})
//	}
//
// It asks only for what lock.Locker and lock.Lease promise. What the
// suite cannot do by itself (an exec, a theft, the passing of time) is a function
// of the Subject; where it is nil, the cases that need it are skipped.
package locktest

import (
	"testing"
	"time"

	"github.com/evertick/evertick/lock"
)

// Subject is the kind of lock to be tested.
type Subject struct {
	// New returns one lock, which is free, as two values that were declared
	// apart. Each call returns another lock.
	New func(t *testing.T) (a, b lock.Locker)

	// Open says that the lock keeps nobody out and has no tokens, as
	// lock.Null.
	Open bool

	// Unparsable says that lock.Parse does not know the lock's URL.
	Unparsable bool

	// Exec does to a handoff what exec does: it returns the one that the next
	// program finds. Nil leaves it as it is, which suffices where the handoff
	// has no file.
	Exec func(t *testing.T, h lock.Handoff) lock.Handoff

	// Steal takes the lock that a holds away from its holder and gives it to
	// another owner, who keeps it. Nil skips the cases with a thief.
	Steal func(t *testing.T, a lock.Locker)

	// Advance lets time pass, for a lock with a TTL. Nil skips the cases in
	// which leases expire.
	Advance func(d time.Duration)

	// In runs each case, as synctest.Test does for a lock that belongs in a
	// bubble. Nil runs it directly.
	In func(t *testing.T, test func(t *testing.T))
}

// Run tests the subject, each promise in a subtest of its own.
func Run(t *testing.T, s Subject) {
	cases := always
	if !s.Open {
		cases = append(cases[:len(cases):len(cases)], exclusive...)
	}
	if !s.Open && s.Steal != nil {
		cases = append(cases, stolen...)
	}
	if !s.Open && s.Advance != nil {
		cases = append(cases, expiring...)
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			test := func(t *testing.T) {
				a, b := s.New(t)
				c.test(t, pair{subject: s, a: a, b: b})
			}
			if s.In == nil {
				test(t)
				return
			}
			s.In(t, test)
		})
	}
}

type testCase struct {
	name string
	test func(t *testing.T, p pair)
}

// always holds for every lock, even for one that keeps nobody out.
var always = []testCase{
	{"Check passes", checkPasses},
	{"String is stable and can be parsed", stringParses},
	{"a lease can be renewed and released", plainLife},
	{"the second Release does nothing", releaseTwice},
	{"a lease survives a restart", inheritGoesOn},
	{"a lease stays usable after Handoff", handoffKeeps},
	{"a lease is safe for concurrent use", concurrentUse},
}

// exclusive holds for every lock that keeps others out.
var exclusive = []testCase{
	{"a held lock is refused and tells its holder", heldIsRefused},
	{"a refused Acquire leaves the holder alone", refusedIsHarmless},
	{"tokens grow with each owner and with nothing else", tokensGrow},
	{"a late Release does not free the next owner's lock", lateRelease},
	{"a released lease is lost", releasedIsLost},
	{"the lock is never free during a restart", neverFree},
	{"a malformed handoff is refused", badHandoff},
	{"a cancelled context takes no lock", cancelled},
	{"of many at once exactly one wins", oneWins},
}

// stolen holds for every lock that can be taken away.
var stolen = []testCase{
	{"a stolen lease is lost for good", stolenIsLost},
	{"Release leaves the thief alone", releaseAfterTheft},
	{"a stolen lease cannot be inherited", inheritAfterTheft},
}

// expiring holds for every lock with a TTL.
var expiring = []testCase{
	{"a lease expires after its TTL", expires},
	{"Renew gives a full TTL", renewProlongs},
	{"Inherit gives a full TTL", inheritProlongs},
}
