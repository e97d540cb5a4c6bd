package memcachetest

import (
	"testing"

	"github.com/evertick/evertick/memcache"
)

// Subject is the kind of cache to be tested.
type Subject struct {
	// New returns two clients of one cache. Each call returns a cache, or a
	// namespace, that is empty.
	New func(t *testing.T) (a, b memcache.Cache)

	// Namespace says that the clients have one, and FlushNamespace drops it.
	Namespace bool

	// In runs each case, as synctest.Test does for a cache that belongs in a
	// bubble. Nil runs it directly.
	In func(t *testing.T, test func(t *testing.T))
}

// Run tests the subject, each promise in a subtest of its own.
func Run(t *testing.T, s Subject) {
	cases := always
	if s.Namespace {
		cases = append(cases[:len(cases):len(cases)], testCase{"FlushNamespace drops all", flush})
	} else {
		cases = append(cases[:len(cases):len(cases)], testCase{"FlushNamespace without a namespace is refused", noFlush})
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			test := func(t *testing.T) {
				a, b := s.New(t)
				c.test(t, a, b)
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
	test func(t *testing.T, a, b memcache.Cache)
}

var always = []testCase{
	{"what was set is read", set},
	{"what is not there is a miss", miss},
	{"Add stores once", add},
	{"Replace stores what is there", replace},
	{"CompareAndSwap stores what nobody has changed", swap},
	{"CompareAndSwap refuses what was not read", swapUnread},
	{"of many CompareAndSwap one wins", swapMany},
	{"GetMulti reads what is there", multi},
	{"an item ends", expire},
	{"Touch gives another end", touch},
	{"an end can be far away", far},
	{"Increment and Decrement count", count},
	{"Increment refuses what is no number", countText},
	{"Delete removes", remove},
	{"GetWait waits", wait},
	{"GetWait gives up", waitEnds},
	{"a bad key is refused", badKeys},
	{"a value that is too large is refused", large},
	{"a cancelled context ends each command", cancelled},
	{"values of other types", typed},
}
