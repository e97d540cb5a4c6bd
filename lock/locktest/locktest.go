// Package locktest is the test that every lock of Evertick passes: the file's,
// the network's, and the fakes of the harness.
//
//	func TestMyLock(t *testing.T) {
//		locktest.Run(t, locktest.Subject{
//			New: func(t *testing.T) (a, b lock.Locker) { return mine, mine },
//		})
//	}
//
// It asks only for what lock.Locker, lock.Lease, lock.Waiter and lock.Looker
// promise. What the suite cannot do by itself (an exec, a theft, an outage, the
// passing of time) is a function of the Subject; where it is nil, the cases that
// need it are left out.
//
// Of a lock whose time is real the suite demands nothing that a slow machine
// could break: where a lease has ended before the suite came to look, it tries
// again.
package locktest

import (
	"slices"
	"testing"
	"time"

	"github.com/evertick/evertick/lock"
)

// Subject is the kind of lock to be tested.
type Subject struct {
	// New returns one lock, which is free, as two values that were declared
	// apart. Each call returns another lock. A lock whose time is real needs a
	// TTL that no test comes near, such as a minute: see NewShort.
	New func(t *testing.T) (a, b lock.Locker)

	// NewShort is New for the cases in which leases expire: a lock whose time is
	// real has the shortest TTL that it can have. Nil is New.
	NewShort func(t *testing.T) (a, b lock.Locker)

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
	// another owner, who keeps it. Nil leaves out the cases with a thief.
	Steal func(t *testing.T, a lock.Locker)

	// Forget makes the store lose the lock that a holds, as a cache that is short
	// of memory does. Nil leaves out the cases with a store that forgets.
	Forget func(t *testing.T, a lock.Locker)

	// Advance lets time pass, for a lock with a TTL. Nil leaves out the cases in
	// which leases expire.
	Advance func(d time.Duration)

	// Victim takes the lock as a process of its own does, and returns what kills
	// that process as SIGKILL does. Nil leaves out the case with a dead holder.
	Victim func(t *testing.T, a lock.Locker) (kill func())

	// Outage makes the store of New's latest lock unreachable, or reachable
	// again. Nil leaves out the cases with an outage.
	Outage func(t *testing.T, on bool)

	// Stall makes the store of New's latest lock withhold its answers, whether or
	// not it does what it is asked, until resume is called. Then they come, late.
	// Nil leaves out the cases with a slow store.
	Stall func(t *testing.T) (resume func())

	// In runs each case, as synctest.Test does for a lock that belongs in a
	// bubble. Nil runs it directly.
	In func(t *testing.T, test func(t *testing.T))
}

// Run tests the subject, each promise in a subtest of its own.
func Run(t *testing.T, s Subject) {
	if s.NewShort == nil {
		s.NewShort = s.New
	}
	for _, c := range s.cases() {
		t.Run(c.name, func(t *testing.T) {
			test := func(t *testing.T) {
				declare := s.New
				if c.short {
					declare = s.NewShort
				}
				a, b := declare(t)
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

// cases returns what the subject can be tested for.
func (s Subject) cases() []testCase {
	if s.Open {
		return always
	}
	all := slices.Concat(always, exclusive)
	for _, group := range []struct {
		possible bool
		cases    []testCase
	}{
		{s.Steal != nil, stolen},
		{s.Forget != nil, forgotten},
		{s.Advance != nil, expiring},
		{s.Victim != nil, dying},
		{s.Outage != nil, unreachable},
		{s.Stall != nil, slow},
	} {
		if group.possible {
			all = append(all, group.cases...)
		}
	}
	return all
}

type testCase struct {
	name  string
	test  func(t *testing.T, p pair)
	short bool // of NewShort
}

// always holds for every lock, even for one that keeps nobody out.
var always = []testCase{
	{name: "Check passes", test: checkPasses},
	{name: "String is stable and can be parsed", test: stringParses},
	{name: "a lease can be renewed and released", test: plainLife},
	{name: "the second Release does nothing", test: releaseTwice},
	{name: "a lease survives a restart", test: inheritGoesOn},
	{name: "a lease stays usable after Handoff", test: handoffKeeps},
	{name: "a lease is safe for concurrent use", test: concurrentUse},
}

// exclusive holds for every lock that keeps others out.
var exclusive = []testCase{
	{name: "a held lock is refused and tells its holder", test: heldIsRefused},
	{name: "a refused Acquire leaves the holder alone", test: refusedIsHarmless},
	{name: "tokens grow with each owner and with nothing else", test: tokensGrow},
	{name: "a late Release does not free the next owner's lock", test: lateRelease},
	{name: "a released lease is lost", test: releasedIsLost},
	{name: "the lock is never free during a restart", test: neverFree},
	{name: "a malformed handoff is refused", test: badHandoff},
	{name: "a cancelled context takes no lock", test: cancelledTakesNothing},
	{name: "a cancelled context loses no lock", test: cancelledLosesNothing},
	{name: "Acquire can be cancelled at any moment", test: cancelledAcquire},
	{name: "a lease is kept whenever its operations are cancelled", test: cancelledLease},
	{name: "of many at once exactly one wins", test: oneWins},
	{name: "many who take and release are never two", test: neverTwo},
	{name: "Look tells the holder and takes nothing", test: lookTells},
	{name: "Wait returns for a free lock and takes nothing", test: waitFree},
	{name: "Wait returns when the lock is released", test: waitRelease},
	{name: "Wait ends with its context", test: waitEnds},
}

// stolen holds for every lock that can be taken away.
var stolen = []testCase{
	{name: "a stolen lease is lost for good", test: stolenIsLost},
	{name: "Release leaves the thief alone", test: releaseAfterTheft},
	{name: "a stolen lease cannot be inherited", test: inheritAfterTheft},
}

// forgotten holds for every lock whose store can forget it.
var forgotten = []testCase{
	{name: "a forgotten lease is lost and not taken again", test: forgottenIsLost},
	{name: "a forgotten lease cannot be inherited", test: inheritForgotten},
}

// expiring holds for every lock with a TTL.
var expiring = []testCase{
	{name: "a lease expires after its TTL", test: expires, short: true},
	{name: "a held lock tells how long its lease lives on", test: tellsTTL, short: true},
	{name: "Renew gives a full TTL", test: renewProlongs, short: true},
	{name: "Inherit gives a full TTL", test: inheritProlongs, short: true},
}

// dying holds for every lock whose holder can be killed.
var dying = []testCase{
	{name: "a dead holder's lock becomes free", test: deadIsFreed, short: true},
}

// unreachable holds for every lock whose store can be out of reach.
var unreachable = []testCase{
	{name: "a lock out of reach is not taken and not called held", test: unreachableAtStart},
	{name: "a lease outlives an outage", test: unreachableWhileHeld},
	{name: "a lease is inherited after an outage", test: inheritInAnOutage},
	{name: "Release tells the truth in an outage", test: releaseInAnOutage},
}

// slow holds for every lock whose store can be late with its answers.
var slow = []testCase{
	{name: "Acquire without an answer leaves no lock behind", test: lateAcquire},
	{name: "Renew without an answer loses no lease", test: lateRenew},
	{name: "Inherit without an answer can be repeated", test: lateInherit},
	{name: "Release without an answer can be repeated", test: lateToRelease},
}
