package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/daemontest"
	"github.com/evertick/evertick/mail"
)

const (
	shop = "shop.example.com"
	blog = "blog.example.com"
	feed = "feed.example.com"
)

const file = `
[watch]
at-once = 2
[site shop]
url = http://shop.example.com/health
text = ok
[site blog]
url = http://blog.example.com/
slow = 1s
[site feed]
url = http://feed.example.com/
timeout = 5s
down-after = 3
[daemon]
to = ops@example.com
log = /var/log/sitewatch.log
`

// on returns New on a network in which the sites are well.
func on(network *daemontest.Network) daemontest.NewFunc {
	for _, host := range []string{shop, blog, feed} {
		network.Handle(host, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") }))
	}
	return func(extra ...core.Option) *core.Daemon {
		mails := core.WithAlerts(mail.Writer(io.Discard))
		return declare(network.Client().Transport, append([]core.Option{mails}, extra...)...)
	}
}

func at(hour, minute int, actions ...daemontest.Action) daemontest.Step {
	return daemontest.At(time.Duration(hour)*time.Hour+time.Duration(minute)*time.Minute+15*time.Second, actions...)
}

// A night: the shop is away for 20 minutes, and the daemon is restarted
// meanwhile; the feed misses one look, which is no outage, and hangs for
// an hour; the blog is slow, and flaps.
func TestANight(t *testing.T) {
	var network daemontest.Network
	steps := daemontest.Steps{
		at(0, 10, daemontest.HostRefuses(shop, true)),
		at(0, 20, daemontest.Signal(syscall.SIGHUP)),
		at(0, 30, daemontest.HostRefuses(shop, false)),
		at(1, 0, daemontest.HostTakes(blog, 1500*time.Millisecond)),
		at(1, 30, daemontest.HostTakes(blog, 0)),
		at(2, 0, daemontest.HostRefuses(feed, true)), at(2, 1, daemontest.HostRefuses(feed, false)),
		at(2, 10, daemontest.HostHangs(feed, true)), at(3, 10, daemontest.HostHangs(feed, false)),
		at(4, 50, daemontest.Command("-s dump -p sitewatch.pid")),
		at(5, 0, daemontest.Signal(syscall.SIGTERM)),
	}
	for minute := 0; minute < 20; minute += 4 {
		steps = append(steps, at(4, minute, daemontest.HostRefuses(blog, true)), at(4, minute+2, daemontest.HostRefuses(blog, false)))
	}
	told := []string{
		"shop is down: dial tcp 198.51.100.1:80: connect: connection refused, after it was up for 12m0s",
		"shop is up, after it was down for 19m0s",
		"blog is slow: 1.5s, more than 1s, after it was up for 1h1m1s",
		"blog is up, after it was slow for 29m59s",
		"feed is down: no answer within 5s, after it was up for 2h13m5s",
		"feed is up, after it was down for 57m55s",
		"blog is down: ", "blog is up, ", "blog is down: ",
		"blog is flapping: 4 changes within 30m0s, now up; further ones are not told before it is calm for 15m0s",
		"blog is up, after it was flapping for ",
	}
	daemontest.Run(t, on(&network), daemontest.Scenario{
		Args: "-d -p sitewatch.pid --every 1m", Network: &network, Files: map[string]string{"sitewatch.ini": file},
		Steps: steps,
		Want: daemontest.Want{
			daemontest.Exit(0), daemontest.ExitOf("-s dump -p sitewatch.pid", 0), daemontest.Restarts(1), daemontest.Failures(0), daemontest.Overruns(0),
			daemontest.Mails(len(told) - 2), tells(told), // those of the flapping blog are one, 5 min after the first
			daemontest.Stdout("Sites:             site  state  since                took"), daemontest.Stdout("feed  up     2026-01-01 03:11:00  0s"),
		},
	})
}

// tells wants these alerts, in this order, and no others.
func tells(alerts []string) daemontest.Expectation {
	return daemontest.Check("the alerts in order", func(r *daemontest.Result) error {
		var have []string
		log, _ := r.World().File("/var/log/sitewatch.log")
		for line := range strings.Lines(log) {
			if _, text, ok := strings.Cut(line, "] 101 "); ok && strings.Contains(text, " is ") && !strings.Contains(text, ":  ") {
				have = append(have, strings.TrimSpace(text))
			}
		}
		for i, want := range alerts {
			if i >= len(have) || !strings.HasPrefix(have[i], want) {
				return fmt.Errorf("number %d is not %q: %s", i+1, want, strings.Join(have, "\n"))
			}
		}
		if len(have) > len(alerts) {
			return fmt.Errorf("too many: %s", strings.Join(have, "\n"))
		}
		return nil
	})
}

// An outage of all sites at once is one mail.
func TestAnOutageOfAllIsOneMail(t *testing.T) {
	var network daemontest.Network
	daemontest.Run(t, on(&network), daemontest.Scenario{
		Args: "--every 10s", Network: &network, Files: map[string]string{"sitewatch.ini": file, "sitewatch.json": "{broken"},
		Steps: daemontest.Steps{
			daemontest.At(5*time.Second, daemontest.HostRefuses(shop, true), daemontest.HostRefuses(blog, true), daemontest.HostRefuses(feed, true)),
			daemontest.At(35*time.Second, daemontest.Signal(syscall.SIGTERM)),
		},
		Want: daemontest.Want{
			daemontest.Exit(0), daemontest.Mails(3), daemontest.Logs("sitewatch.json cannot be used, so all sites are new: invalid character 'b'"),
			daemontest.Logs("shop is down: dial tcp 198.51.100.1:80: connect: connection refused, after it was up for 20s\nblog is down: "),
			daemontest.Logs("feed is down: "),
		},
	})
}

// News of another site is told at once; what comes of the same site within five
// minutes is one digest.
func TestNewsAreGroupedBySite(t *testing.T) {
	var network daemontest.Network
	r := daemontest.Run(t, on(&network), daemontest.Scenario{
		Args: "--every 10s", Network: &network, Files: map[string]string{"sitewatch.ini": file},
		Steps: daemontest.Steps{
			at(0, 0, daemontest.HostRefuses(shop, true)), at(0, 1, daemontest.HostRefuses(blog, true)),
			at(0, 2, daemontest.HostRefuses(shop, false), daemontest.HostRefuses(blog, false)),
			at(0, 20, daemontest.Signal(syscall.SIGTERM)),
		},
		Want: daemontest.Want{daemontest.Exit(0), daemontest.Mails(3)},
	})
	subjects := ""
	for _, m := range r.World().Mails() {
		subjects += m.Subject + "\n"
	}
	assert.Equal(t, "sitewatch Alert: shop is down: dial tcp 198.51.100.1:80: connect: connection refused, after it was up for 30s\n"+
		"sitewatch Alert: blog is down: dial tcp 198.51.100.2:80: connect: connection refused, after it was up for 1m30s\n"+
		"sitewatch Alert: shop is up, after it was down for 1m50s\n", subjects)
}

// What was known outlives a SIGKILL; a site that goes from the file goes from the
// states, and a new one is judged at its first look.
func TestTheStatesOutliveAKill(t *testing.T) {
	var network daemontest.Network
	daemontest.Run(t, on(&network), daemontest.Scenario{
		Args: "--every 10s", Network: &network, Files: map[string]string{"sitewatch.ini": file},
		Steps: daemontest.Steps{
			daemontest.At(5*time.Second, daemontest.HostRefuses(shop, true)),
			daemontest.At(25*time.Second, daemontest.Signal(syscall.SIGKILL)),
			daemontest.At(30*time.Second, daemontest.WriteFile("sitewatch.ini", "[site shop]\nurl = http://shop.example.com\n[site new]\nurl = http://feed.example.com/x\ntext = x\ndown-after = 1\n[daemon]\nto = ops@example.com\n")),
			daemontest.At(35*time.Second, daemontest.Command("-v")),
			daemontest.At(55*time.Second, daemontest.SignalTo("-v", syscall.SIGTERM)),
		},
		Want: daemontest.Want{
			daemontest.Killed(), daemontest.Of("-v", daemontest.Exit(0)), daemontest.LogsTimes("shop is down", 1),
			daemontest.Logs(`new is down: the answer does not have "x" in it`), daemontest.FileContains("sitewatch.json", `"shop"`),
			daemontest.Check("no blog", func(r *daemontest.Result) error {
				if text, _ := r.World().File("sitewatch.json"); strings.Contains(text, "blog") {
					return fmt.Errorf("it is in %s", text)
				}
				return nil
			}),
		},
	})
}

// A stop does not wait for sites that hang, beyond their time-outs, and takes
// nothing that was broken off for an outage.
func TestAForcedStopTellsOfNoOutage(t *testing.T) {
	var network daemontest.Network
	daemontest.Run(t, on(&network), daemontest.Scenario{
		Network: &network, Files: map[string]string{"sitewatch.ini": strings.ReplaceAll(file, "down-after = 3", "down-after = 1")},
		Steps: daemontest.Steps{
			daemontest.At(5*time.Second, daemontest.HostHangs(feed, true)),
			daemontest.At(31*time.Second, daemontest.Signal(syscall.SIGTERM)), daemontest.At(32*time.Second, daemontest.Signal(syscall.SIGTERM)),
		},
		Want: daemontest.Want{daemontest.Exit(1), daemontest.NoLog("feed is down"), daemontest.EndsAt(32 * time.Second)},
	})
}

func TestABadFileIsRefused(t *testing.T) {
	var network daemontest.Network
	for text, says := range map[string]string{
		"":                                               "sitewatch.ini: there is no section [site NAME]: add one",
		"[site a]\nurl = shop\n":                         "sitewatch.ini:1: [site a]: url is no address of a site",
		"[site a]\nurl = ftp://shop\n":                   "url is no address of a site",
		"[site a]\nurl = http://a\nslow=9s":              "slow is 9s, and timeout 8s",
		"[site a]\nurl = http://a\nslow=0s":              "must be above 0",
		"[site a]\nurl = http://a\ndown-after=0":         "down-after must be 1 or more",
		"[site a]\nurl = http://a\ntimout=1s":            "sitewatch.ini:3: [site a] timout is not known; did you mean timeout?",
		"[watch]\nat-once = 0\n[site a]\nurl = http://a": `sitewatch.ini:2: [watch] at-once = "0": write 1 or more`,
	} {
		daemontest.Run(t, on(&network), daemontest.Scenario{
			Network: &network, Files: map[string]string{"sitewatch.ini": text},
			Want: daemontest.Want{daemontest.Exit(1), daemontest.Stderr(says), daemontest.NoFile("sitewatch.json")},
		})
	}
}

// A file that --state names by mistake is left as it is.
func TestAFileOfOthersIsNoStateFile(t *testing.T) {
	var network daemontest.Network
	files := map[string]string{
		"sitewatch.ini": file, "notes": "milk, eggs", "x.pid": "4711\n", "x.log": "[2026-01-01 00:00:00] 1 beat\n",
		"x.lock": `{"name":"sitewatch","pid":4711}`, "free.lock": `{"token":4711}`, "folder/x": "",
	}
	for name := range files {
		name, _, _ = strings.Cut(name, "/")
		want := daemontest.Want{daemontest.Exit(1), daemontest.NeverReady(), daemontest.Stderr("sitewatch: --state " + name + " holds no states of sites")}
		if text := files[name]; text != "" {
			want = append(want, daemontest.FileContains(name, text))
		}
		daemontest.Run(t, on(&network), daemontest.Scenario{Args: "--to ops@example.com --state " + name, Network: &network, Files: files, Want: want})
	}
	daemontest.Run(t, on(&network), daemontest.Scenario{
		Args: "--to ops@example.com --state no/state", Network: &network, Files: files,
		Want: daemontest.Want{daemontest.Exit(1), daemontest.NeverReady(), daemontest.Stderr("sitewatch: --state: ")},
	})
}

// The file that is to be copied is right.
func TestTheSampleIsRight(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("sitewatch.ini"))
	assert.NoError(t, err)
	var network daemontest.Network
	daemontest.Run(t, on(&network), daemontest.Scenario{
		Args: "--check --to ops@example.com", Network: &network, Files: map[string]string{"sitewatch.ini": string(text)},
		Want: daemontest.Want{daemontest.Exit(0), daemontest.NeverReady(), daemontest.Stdout("the checks found nothing wrong")},
	})
}
