package explore_test

import (
	"fmt"
	"time"

	"github.com/evertick/evertick/daemontest/explore"
)

// A life is data, and is printed as the source of a scenario.
func ExampleSource() {
	l := explore.Life{
		Seed: 1, Interval: time.Second, Execute: 200 * time.Millisecond,
		Iterations: []explore.Iteration{{N: 3, Does: explore.Hangs}},
		Steps:      []explore.Step{{At: 5 * time.Second, Does: explore.Hup}},
	}
	fmt.Print(explore.Source(l))
	// Output:
	// 	daemontest.Run(t, func(extra ...core.Option) *core.Daemon {
	// 		return core.New("poller", append([]core.Option{
	// 			core.Every(time.Second),
	// 			core.RestartBackoff(time.Second, 4*time.Second),
	// 			core.WithLog(logfile.Fixed("/var/log/poller.log")),
	// 			core.WithAlerts(mail.Writer(io.Discard), "ops@example.com"),
	// 		}, extra...)...)
	// 	}, daemontest.Scenario{
	// 		Seed: 1,
	// 		Execute: daemontest.Takes(200*time.Millisecond).HangsAt(3),
	// 		Steps: daemontest.Steps{
	// 			daemontest.At(5*time.Second, daemontest.Signal(syscall.SIGHUP)),
	// 			daemontest.At(108800*time.Millisecond, daemontest.Signal(syscall.SIGTERM)),
	// 		},
	// 	})
}
