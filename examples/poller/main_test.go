package main

import (
	"fmt"
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/daemontest"
)

const host = "rates.example.com"

// on returns New on a network in which the API answers.
func on(network *daemontest.Network) daemontest.NewFunc {
	network.Handle(host, http.HandlerFunc(answer))
	return func(extra ...core.Option) *core.Daemon { return declare(network.Client().Transport, extra...) }
}

// answer takes a second in the middle. In the bubble that takes no time.
func answer(w http.ResponseWriter, _ *http.Request) {
	fmt.Fprint(w, `{"rates": {"EUR": 1, "USD": 1.08}, `)
	w.(http.Flusher).Flush()
	time.Sleep(time.Second)
	fmt.Fprintf(w, `"at": "%s"}`, time.Now().UTC().Format(time.TimeOnly))
}

func TestPollerOutlivesItsAPI(t *testing.T) {
	var network daemontest.Network
	daemontest.Run(t, on(&network), daemontest.Scenario{
		Args:    "-d -p poller.pid",
		Network: &network,
		Steps: daemontest.Steps{
			daemontest.At(5*time.Second, daemontest.HostTakes(host, 7*time.Second)),
			daemontest.At(25*time.Second, daemontest.HostTakes(host, 0), daemontest.HostRefuses(host, true)),
			daemontest.At(45*time.Second, daemontest.HostRefuses(host, false)),
			daemontest.At(55*time.Second, daemontest.Signal(syscall.SIGTERM)),
		},
		Want: daemontest.Want{
			daemontest.Iterations(6), daemontest.Failures(4),
			daemontest.LogsTimes("Client.Timeout exceeded", 2), daemontest.LogsTimes("connection refused", 2),
			daemontest.LogsTimes("2 rates", 2), daemontest.FileContains("rates.json", `"at": "00:00:51"}`),
			daemontest.Exit(0), daemontest.LockReleased(),
		},
	})
}

// What was killed leaves half of an answer beside the file, and not in it. The
// next daemon clears it away.
func TestPollerIsKilledWhileItWrites(t *testing.T) {
	var network daemontest.Network
	daemontest.Run(t, on(&network), daemontest.Scenario{
		Network: &network,
		Steps: daemontest.Steps{
			daemontest.At(10500*time.Millisecond, daemontest.Signal(syscall.SIGKILL)),
			daemontest.At(12*time.Second, daemontest.Do("look", func(w *daemontest.World) {
				latest, _ := w.File("rates.json")
				assert.Contains(t, latest, `"at": "00:00:01"}`)
				next, _ := w.File("rates.json.new")
				assert.Equal(t, `{"rates": {"EUR": 1, "USD": 1.08}, `, next)
			})),
			daemontest.At(20*time.Second, daemontest.Command("-v")),
			daemontest.At(25*time.Second, daemontest.SignalTo("-v", syscall.SIGTERM)),
		},
		Want: daemontest.Want{
			daemontest.Killed(), daemontest.Of("-v", daemontest.Exit(0)), daemontest.Failures(0),
			daemontest.FileContains("rates.json", `"at": "00:00:21"}`), daemontest.NoFile("rates.json.new"),
		},
	})
}

func TestPollerRefusesWhatIsNoAnswer(t *testing.T) {
	var network daemontest.Network
	declare := on(&network)
	network.Handle(host, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if time.Now().Second() < 15 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		fmt.Fprint(w, "back soon")
	}))
	daemontest.Run(t, declare, daemontest.Scenario{
		Network: &network,
		Files:   map[string]string{"rates.json": `{"rates": {"XAU": 1}}`},
		Steps:   daemontest.Steps{daemontest.At(25*time.Second, daemontest.Signal(syscall.SIGTERM))},
		Want: daemontest.Want{
			daemontest.Failures(3), daemontest.LogsTimes("503 Service Unavailable", 2), daemontest.Logs("invalid character 'b'"),
			daemontest.FileContains("rates.json", "XAU"), daemontest.NoFile("rates.json.new"), daemontest.Exit(0),
		},
	})
}

// A file that --file names by mistake is left as it is.
func TestAFileOfOthersIsNoAnswer(t *testing.T) {
	var network daemontest.Network
	declare := func(extra ...core.Option) *core.Daemon { return declare(network.Client().Transport, extra...) }
	for _, text := range []string{"milk, eggs", "4711\n", `{"name":"poller","pid":4711}`} {
		daemontest.Run(t, declare, daemontest.Scenario{
			Args: "--file mine", Network: &network, Files: map[string]string{"mine": text},
			Want: daemontest.Want{
				daemontest.Exit(1), daemontest.NeverReady(), daemontest.FileContains("mine", text),
				daemontest.Stderr("poller: --file mine holds no answer of the API: name another file, or remove it"),
			},
		})
	}
}
