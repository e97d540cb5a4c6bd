package daemontest

import (
	"flag"
	"os"
	"strconv"
	"time"
)

var (
	seedFlag     = flag.Uint64("daemontest.seed", 1, "seed of scenarios that name none")
	checkFlag    = flag.Int("daemontest.check", checkDefault(), "how many times each scenario is played to check that its timeline is always the same; the environment variable DAEMONTEST_CHECK sets the default")
	updateFlag   = flag.Bool("daemontest.update", false, "rewrite the golden timelines in testdata")
	watchdogFlag = flag.Duration("daemontest.watchdog", 10*time.Second, "real time without any progress after which a scenario counts as hung")
)

func checkDefault() int {
	if n, err := strconv.Atoi(os.Getenv("DAEMONTEST_CHECK")); err == nil && n > 0 {
		return n
	}
	return 2
}
