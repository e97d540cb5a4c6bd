// Package memcachetest has the servers of tests: one in memory, which fails on
// demand, and real ones, which are started and killed. And it has the test that
// every memcache.Cache passes.
//
// A test in a synctest bubble makes a [Server]:
//
//	server := memcachetest.NewServer(clock)
//	defer server.Close()
//	cache := memcache.New([]string{"cache"}, memcache.Options{Dial: server.Dial, Clock: clock})
//
// [Start] starts a real one on a free port of the loopback. Where the machine has
// no memcached, the test fails and says what to install: nothing is skipped.
//
// [Run] is the suite.
package memcachetest
