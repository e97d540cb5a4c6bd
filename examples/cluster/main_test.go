package main

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/evertick/evertick/daemontest"
)

// Of three daemons with one lock one executes. When it is stopped one of the others
// takes over at once, in whatever order they stand by.
func TestOneOfThreeExecutes(t *testing.T) {
	const args = "--lock etcd://etcd-1/cluster?ttl=5s"
	const second, third = args + " --log 2.log", args + " --log 3.log"
	daemontest.Run(t, New, daemontest.Scenario{
		Args:    args,
		Execute: daemontest.Instantly(),
		Steps: daemontest.Steps{
			daemontest.At(500*time.Millisecond, daemontest.Command(second), daemontest.Command(third)),
			daemontest.At(10100*time.Millisecond, daemontest.Signal(syscall.SIGTERM)),
			daemontest.At(20*time.Second, daemontest.SignalTo(second, syscall.SIGTERM), daemontest.SignalTo(third, syscall.SIGTERM)),
		},
		Orders: 3,
		Want: daemontest.Want{
			daemontest.Exit(0), daemontest.ExitOf(second, 0), daemontest.ExitOf(third, 0),
			daemontest.LogsTimes("Standing by.", 2), daemontest.LockReleased(),
			daemontest.Check("a beat a second, and one more at the take-over", func(r *daemontest.Result) error {
				var last time.Duration
				for n, at := range r.Starts() {
					gap, handedOver := at-last, n == 11
					if handedOver && gap > 200*time.Millisecond || !handedOver && n > 0 && (gap+time.Millisecond).Truncate(time.Second) != time.Second {
						return fmt.Errorf("beat %d is %s after the one before", n+1, gap)
					}
					last = at
				}
				return nil
			}),
		},
	})
}

// A file that --witness names by mistake is left as it is.
func TestAFileOfOthersIsNoWitness(t *testing.T) {
	const args = "--lock etcd://etcd-1/cluster?ttl=5s --witness "
	for _, text := range []string{"milk, eggs", "4711\n", "1 2 3\n"} {
		daemontest.Run(t, New, daemontest.Scenario{
			Args: args + "mine", Files: map[string]string{"mine": text},
			Want: daemontest.Want{
				daemontest.Exit(1), daemontest.NeverReady(), daemontest.FileContains("mine", text),
				daemontest.Stderr("cluster: --witness: mine holds something else than executes: name another file, or remove it"),
			},
		})
	}
	daemontest.Run(t, New, daemontest.Scenario{
		Args: args + "folder", Files: map[string]string{"folder/": ""},
		Want: daemontest.Want{daemontest.Exit(1), daemontest.NeverReady(), daemontest.Stderr("--witness folder is no file: give one")},
	})
	daemontest.Run(t, New, daemontest.Scenario{
		Args: args + "ours", Files: map[string]string{"ours": "1 2 3 4\n"},
		Steps: daemontest.Steps{daemontest.At(500*time.Millisecond, daemontest.Signal(syscall.SIGTERM))},
		Want:  daemontest.Want{daemontest.Exit(0), daemontest.Iterations(1), daemontest.FileContains("ours", "1 2 3 4")},
	})
}
