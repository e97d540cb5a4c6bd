package ini_test

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/daemontest"
	"github.com/evertick/evertick/lock"
	"github.com/evertick/evertick/plugin/ini"
)

// equipped is a daemon with the standard flags and some keys.
func equipped(extra ...core.Option) *core.Daemon {
	timeout := ini.Key("api.timeout", 5*time.Second)
	token := ini.Key("api.token", "none")
	pin := ini.Key("api.pin", 0).Secret()
	feed := ini.Key("feed", "")
	sites := ini.Sections("site", struct {
		URL      string `ini:",required"`
		Password string
	}{})
	return core.New("rate-poller", append([]core.Option{
		core.Every(time.Second), core.WithLock(lock.File("/run/a.lock")), core.StandardFlags(),
		core.WithPlugins(ini.File("poller.ini", ini.Require("api"), timeout, token, pin, feed, sites)),
		core.Configure(func(d *core.Daemon) ([]core.Option, error) {
			return []core.Option{core.Version(timeout.Get().String())}, nil // the file has been read
		}),
		core.Execute(func(_ context.Context, d *core.Daemon) error {
			d.Logf("it is %s every %s, token %s (%s)", timeout.Get(), d.Interval(), token.Get(), token.Origin())
			return nil
		}),
	}, extra...)...)
}

// The command line comes before the environment, which comes before the file.
func TestTheOrderOfOrigins(t *testing.T) {
	for _, c := range []struct {
		args, text string
		env        map[string]string
		want       string
	}{
		{"", "[api]\na = 1\n", nil, ""},
		{"", "[api]\ntimeout = 2s\n", nil, "it is 2s every 1s, token none (default)"},
		{"", "[api]\ntimeout = 2s\ntoken = x\n[daemon]\nevery = 3s\n", nil, "it is 2s every 3s, token x (poller.ini:3)"},
		{
			"", "[api]\ntimeout = 2s\ntoken = x\n[daemon]\nevery = 3s\n",
			map[string]string{"RATE_POLLER_EVERY": "4s", "RATE_POLLER_API_TOKEN": "y", "RATE_POLLER_API_TIMEOUT": ""},
			"it is 2s every 4s, token y (RATE_POLLER_API_TOKEN)",
		},
		{"--every 5s", "[api]\ntimeout = 2s\n[daemon]\nevery = 3s\n", map[string]string{"RATE_POLLER_EVERY": "4s"}, "it is 2s every 5s, token none (default)"},
		{
			"", "[api]\ntimeout = 2s\n[daemon]\nshutdown-timeout = 4s\nmax-restarts = 5/1h\nrestart-above-memory = 1GB\nlog-level = debug\niteration-timeout = 9s\nrestart-every = 2h\n", nil,
			"it is 2s every 1s, token none (default)",
		},
		{"--ini other.ini", "[api]\ntimeout = nonsense\n", nil, "it is 9s every 1s, token none (default)"},
	} {
		s := daemontest.Scenario{
			Args: c.args, Env: c.env,
			Files: map[string]string{"poller.ini": c.text, "other.ini": "[api]\ntimeout = 9s\n"},
			Steps: daemontest.Steps{daemontest.At(500*time.Millisecond, daemontest.Signal(syscall.SIGTERM))},
			Want:  daemontest.Want{daemontest.Exit(0), daemontest.Logs(c.want)},
		}
		if c.want == "" {
			s.Steps, s.Want = nil, daemontest.Want{daemontest.Exit(1), daemontest.Stderr("poller.ini:2: [api] a is not known")}
		}
		daemontest.Run(t, equipped, s)
	}
}

// The dump says where each value came from, and shows no secret; -i shows what
// the file may hold.
func TestTheDumpSaysWhereValuesComeFrom(t *testing.T) {
	const text = "feed = https://me:pass@feed.example.com\n[api]\ntimeout = 2s\npin = 1234\n[daemon]\nevery = 3s\n[site a]\nurl = http://a\npassword = hunter2\n"
	daemontest.Run(t, equipped, daemontest.Scenario{
		Args: "-p poller.pid", Env: map[string]string{"RATE_POLLER_API_TOKEN": "hunter2"},
		Files: file(text),
		Steps: daemontest.Steps{
			daemontest.At(500*time.Millisecond, daemontest.Command("-s dump -p poller.pid")),
			daemontest.At(1500*time.Millisecond, daemontest.Signal(syscall.SIGTERM)),
		},
		Want: daemontest.Want{
			daemontest.Exit(0), daemontest.ExitOf("-s dump -p poller.pid", 0),
			daemontest.Stdout("Interval:          3s (poller.ini:6)\n"),
			daemontest.Stdout(strings.Join([]string{
				"Configuration:     poller.ini",
				"[api] timeout = 2s (poller.ini:3)",
				"[api] token = *** (RATE_POLLER_API_TOKEN)",
				"[api] pin = *** (poller.ini:4)",
				"feed = https://***@feed.example.com (poller.ini:1)",
				"[site a] url = http://a, password = ***\n",
			}, "\n                   ")),
			daemontest.Check("no secret in the dump", func(r *daemontest.Result) error {
				_, dump, _ := strings.Cut(r.World().Stdout(), "Dump of")
				for _, secret := range []string{"hunter2", "me:pass", "1234"} {
					if strings.Contains(dump, secret) {
						return fmt.Errorf("it shows %s", secret)
					}
				}
				return nil
			}),
		},
	})
	daemontest.Run(t, equipped, daemontest.Scenario{
		Args:  "-i",
		Files: file("[no such section]\n"),
		Want: daemontest.Want{
			daemontest.Exit(0), daemontest.NeverReady(), daemontest.Stdout(
				"/poller.ini, readable by the daemon's user. It may hold:\n       " + strings.Join([]string{
					"# feed = ", "[api]", "# timeout = 5s", "# token = ***", "# pin = ***",
					"[site NAME]  # as often as needed", "url = …", "# password = ", "[daemon]  # each as the flag of its name", "# every =\n",
				}, "\n       ")),
		},
	})
}

// --check tells all that is wrong, and touches nothing.
func TestCheckTellsAllThatIsWrong(t *testing.T) {
	daemontest.Run(t, equipped, daemontest.Scenario{
		Args: "--check --log missing/x.log", Env: map[string]string{"RATE_POLLER_API_PIN": "x"},
		Files: file("[api]\ntimeout = 5\n[daemon]\nevry = 1s\nevery = 5\n"),
		Want: daemontest.Want{
			daemontest.Exit(1), daemontest.NeverReady(), daemontest.NoLock(),
			daemontest.Stderr("5 problems:\n"), daemontest.Stderr(`poller.ini:2: [api] timeout = "5": write a duration with its unit, such as 5s (without this line it is 5s)`),
			daemontest.Stderr("poller.ini:4: [daemon] evry is not known; did you mean every?\n"),
			daemontest.Stderr(`poller.ini:5: every: "5" is no duration`), daemontest.Stderr("missing"),
			daemontest.Stderr(`RATE_POLLER_API_PIN: [api] pin = "***": write a whole number`),
		},
	})
	daemontest.Run(t, equipped, daemontest.Scenario{
		Args:  "--check -p poller.pid",
		Files: file("[api]\ntimeout = 6s\n"),
		Want: daemontest.Want{
			daemontest.Exit(0), daemontest.NeverReady(), daemontest.NoLock(), daemontest.NoFile("poller.pid"),
			daemontest.Stdout("rate-poller: the checks found nothing wrong\n"),
		},
	})
}

func TestTheSectionOfTheDaemon(t *testing.T) {
	plain := ini.Key("daemon.x", "")
	refuses(t, "", []string{"[daemon] x: the section [daemon] is for the standard flags: declare the key in another one"}, plain)
	refuses(t, "[daemon]\nevery = 1s\n", []string{"poller.ini:2: [daemon] every is not known: this daemon has no standard flags"})
	refuses(t, "[deamon]\nevery = 1s\n", []string{"poller.ini:1: section [deamon] is not known; did you mean [daemon]?"})
}
