package etcdlock_test

import (
	"flag"
	"os"
	"testing"
)

// The test binary plays another process when one of these is set.
const (
	victimEnv    = "EVERTICK_ETCDLOCK_VICTIM"    // the URL of the lock that it takes
	daemonEnv    = "EVERTICK_ETCDLOCK_DAEMON"    // the URL of the lock that it stands by for
	leaverEnv    = "EVERTICK_ETCDLOCK_LEAVER"    // the URL of the lock that it uses up
	contenderEnv = "EVERTICK_ETCDLOCK_CONTENDER" // the URL of the lock that it contends for
)

var (
	stormRounds = flag.Int("etcdlock.storm", 50, "rounds of 20 starters at once")
	chaosRounds = flag.Int("etcdlock.chaos", 42, "rounds of TestChaos, in three groups")
	chaosSeed   = flag.Uint64("etcdlock.seed", 1, "the seed of TestChaos")
)

func TestMain(m *testing.M) {
	flag.Parse()
	switch {
	case os.Getenv(victimEnv) != "":
		os.Exit(victim(os.Getenv(victimEnv)))
	case os.Getenv(daemonEnv) != "":
		os.Exit(daemon(os.Getenv(daemonEnv)))
	case os.Getenv(leaverEnv) != "":
		os.Exit(leaver(os.Getenv(leaverEnv)))
	case os.Getenv(contenderEnv) != "":
		os.Exit(contend(os.Getenv(contenderEnv)))
	}
	// Most tests wait most of the time.
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	code := m.Run()
	shared.stop()
	os.Exit(code)
}
