package core_test

import (
	"testing"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/daemontest"
	"github.com/evertick/evertick/lock"
	"github.com/evertick/evertick/logfile"
)

// -i is one page with the real paths, which the shell and cron read as they are.
func TestInstructionsHaveTheRealPaths(t *testing.T) {
	daily := core.WithLog(logfile.Daily("/var/log/poller"))
	for _, c := range []struct {
		name, args string
		options    []core.Option
		want       []string
	}{
		{
			"all", "-i -p 50%.pid",
			[]core.Option{core.InstallNote("Do this:\nfirst"), daily},
			[]string{
				"To install poller:\n  1. Do this:\n       first\n  2. The log goes to /var/log/poller/2026-01-01.log. Make its folder:\n       install -d -o tester /var/log/poller\n",
				"  3. The lock is /run/poller.lock. The daemon's user must be able to write to /run.\n",
				"  4. Alerts go to ops@example.com through ",
				"foreground, in the folder /world:\n       /usr/sbin/daemon -p 50%.pid\n",
				"by cron:\n       * * * * * cd /world && /usr/sbin/daemon -p 50\\%.pid -d >/dev/null\n",
				"Stop it:\n       /usr/sbin/daemon -s stop -p /world/50%.pid\n",
			},
		},
		{"with a PID file", "-i -p my.pid", nil, []string{"&& /usr/sbin/daemon -p my.pid -d >/dev/null\n", "-s stop -p /world/my.pid\n"}},
		{"a standby", "-i", []core.Option{core.Standby()}, []string{"       @reboot cd /world && "}},
		{"without a lock", "-i", []core.Option{core.WithLock(lock.Null())}, []string{"The lock null: must be usable", "       @reboot cd /world && "}},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := append(untouched(), daemontest.NeverReady())
			for _, text := range c.want {
				want = append(want, daemontest.Stdout(text))
			}
			daemontest.Run(t, equipped(c.options...), daemontest.Scenario{Args: c.args, Execute: daemontest.Instantly(), Want: want})
		})
	}
}
