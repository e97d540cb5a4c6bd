package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/daemontest"
)

const host = "api.example.com"

// on returns New on a network in which the API has an event each 10 s, and waits
// for up to 30 s for one.
func on(network *daemontest.Network) daemontest.NewFunc {
	network.Handle(host, http.HandlerFunc(answer))
	return func(extra ...core.Option) *core.Daemon { return declare(network.Client().Transport, extra...) }
}

func answer(w http.ResponseWriter, r *http.Request) {
	after, _ := strconv.Atoi(r.URL.Query().Get("after"))
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	there := func() int { return int(time.Since(start) / (10 * time.Second)) }
	for waited := 0; there() <= after && waited < 30; waited++ {
		select {
		case <-time.After(time.Second):
		case <-r.Context().Done():
			return
		}
	}
	events := []event{}
	for n := after + 1; n <= there(); n++ {
		events = append(events, event{strconv.Itoa(n), json.RawMessage(fmt.Sprint(n * n))})
	}
	_ = json.NewEncoder(w).Encode(events)
}

// once wants each of the events 1 to n in the file, once and in order.
func once(n int) daemontest.Expectation {
	return daemontest.Check("each event once", func(r *daemontest.Result) error {
		have, _ := r.World().File("events.jsonl")
		var want strings.Builder
		for i := 1; i <= n; i++ {
			fmt.Fprintf(&want, "{\"token\":\"%d\",\"data\":%d}\n", i, i*i)
		}
		if have != want.String() {
			return fmt.Errorf("%d events are wanted, and there are\n%s", n, have)
		}
		return nil
	})
}

// The API is away for a minute, and refuses once; a restart goes on where the
// program before was, and a stop waits for no news.
func TestEachEventIsThereOnce(t *testing.T) {
	var network daemontest.Network
	daemontest.Run(t, on(&network), daemontest.Scenario{
		Args: "-d -p longpoll.pid", Network: &network,
		Steps: daemontest.Steps{
			daemontest.At(35*time.Second, daemontest.Signal(syscall.SIGHUP)),
			daemontest.At(62*time.Second, daemontest.HostRefuses(host, true)),
			daemontest.At(92*time.Second, daemontest.HostRefuses(host, false)),
			daemontest.At(102*time.Second, daemontest.HostHangs(host, true)),
			daemontest.At(200*time.Second, daemontest.HostHangs(host, false)),
			daemontest.At(245*time.Second, daemontest.Signal(syscall.SIGTERM)),
		},
		Want: daemontest.Want{
			once(24), daemontest.Restarts(1), daemontest.Exit(0), daemontest.EndsAt(245 * time.Second), daemontest.LockReleased(),
			daemontest.Logs("connection refused"), daemontest.Logs("context deadline exceeded"),
		},
	})
}

// SIGKILL at any instant loses nothing and doubles nothing; a line that it has left
// in part is cut off.
func TestEachEventIsThereOnceOverKills(t *testing.T) {
	var network daemontest.Network
	tear := daemontest.Do("tear a line", func(w *daemontest.World) {
		text, _ := w.File("events.jsonl")
		w.Do(daemontest.WriteFile("events.jsonl", text+`{"token":"`))
	})
	daemontest.Run(t, on(&network), daemontest.Scenario{
		Network: &network,
		Steps: daemontest.Steps{
			daemontest.At(25*time.Second, daemontest.Signal(syscall.SIGKILL), tear),
			daemontest.At(55*time.Second, daemontest.Command("-v")),
			daemontest.At(60*time.Second, daemontest.SignalTo("-v", syscall.SIGKILL)),
			daemontest.At(72*time.Second, daemontest.Command("--verbose")),
			daemontest.At(95*time.Second, daemontest.SignalTo("--verbose", syscall.SIGTERM)),
		},
		Want: daemontest.Want{
			once(9), daemontest.Killed(), daemontest.Of("-v", daemontest.Killed()), daemontest.Of("--verbose", daemontest.Exit(0)),
		},
	})
}

func TestWhatIsNoJournalIsRefused(t *testing.T) {
	for text, says := range map[string]string{
		"notes\n":     "the last line is no event: is it the right file?",
		"notes":       "it holds no events: is it the right file?",
		"{\"a\":1}\n": "the last line is no event",
	} {
		var network daemontest.Network
		daemontest.Run(t, on(&network), daemontest.Scenario{
			Network: &network, Files: map[string]string{"events.jsonl": text},
			Want: daemontest.Want{daemontest.Exit(1), daemontest.Stderr(says), daemontest.FileContains("events.jsonl", text)},
		})
	}
}

func TestAnAnswerThatIsNoneIsAFailure(t *testing.T) {
	for body, says := range map[string]string{"back soon": "invalid character 'b'", `[{"data": 1}]`: "an event has no token"} {
		var network daemontest.Network
		declare := on(&network)
		network.Handle(host, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) }))
		daemontest.Run(t, declare, daemontest.Scenario{
			Network: &network, Steps: daemontest.Steps{daemontest.At(12*time.Second, daemontest.Signal(syscall.SIGTERM))},
			Want: daemontest.Want{daemontest.LogsTimes(says, 2), daemontest.Failures(2), daemontest.Exit(0), once(0)},
		})
	}
}
