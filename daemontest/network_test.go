package daemontest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/daemontest/internal/network"
	"github.com/evertick/evertick/daemontest/internal/timeline"
)

const apiHost = "api.example.com"

// fetcher is a daemon that asks a service every 5 s, with its own client, and
// logs what it is told.
func fetcher(client *http.Client) NewFunc {
	return func(extra ...core.Option) *core.Daemon {
		return core.New("fetcher", append([]core.Option{
			core.Every(5 * time.Second),
			core.MaxConsecutiveFailures(100),
			core.Execute(func(ctx context.Context, d *core.Daemon) error { return fetch(ctx, d, client) }),
		}, extra...)...)
	}
}

func fetch(ctx context.Context, d *core.Daemon, client *http.Client) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+apiHost+"/jobs", nil)
	if err != nil {
		return err
	}
	began := d.Clock().Now()
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	d.Logf("got %.20q in %s", body, d.Clock().Now().Sub(began).Round(time.Millisecond))
	return nil
}

func hello(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "hello from "+r.URL.Path) }

// What a poller does when the service is slow, away and back is told in few
// lines. Its own client has a time-out.
func TestAPollerWithItsOwnClient(t *testing.T) {
	var api Network
	api.Handle(apiHost, http.HandlerFunc(hello))
	client := &http.Client{Timeout: 2 * time.Second, Transport: api.Client().Transport}
	Run(t, fetcher(client), Scenario{
		Network: &api,
		Steps: Steps{
			At(4*time.Second, HostTakes(apiHost, 1500*time.Millisecond)),
			At(9*time.Second, HostTakes(apiHost, time.Minute)),
			At(14*time.Second, HostTakes(apiHost, 0), HostRefuses(apiHost, true)),
			At(19*time.Second, HostRefuses(apiHost, false)),
			stopAt(22 * time.Second),
		},
		Want: Want{
			Iterations(5), Failures(2), Exit(0), LogsTimes(`got "hello from /jobs" in 0s`, 2), Logs("in 1.5s"),
			Logs("Client.Timeout exceeded"), Logs("connection refused"),
		},
	})
}

// failsWith returns a want for the error of an iteration.
func failsWith(n int64, text string) Expectation {
	return Check(fmt.Sprintf("iteration %d to fail with %q", n, text), func(r *Result) error {
		if r.timeline().Count(func(e timeline.Entry) bool { return isExecute(e) && e.N == n && strings.Contains(e.Text, text) }) == 0 {
			return errors.New(r.Timeline())
		}
		return nil
	})
}

func TestFaultsOfHosts(t *testing.T) {
	long := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, strings.Repeat("x", 4000)) })
	slow := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(3 * time.Second)
		hello(w, r)
	})
	for _, c := range []struct {
		name    string
		handler http.Handler
		steps   Steps
		want    Want
	}{
		{
			"unknown", http.HandlerFunc(hello),
			Steps{At(time.Second, HostResets(apiHost), HostUnknown(apiHost, true)), At(9*time.Second, HostUnknown(apiHost, false))},
			Want{Failures(1), failsWith(2, "dial tcp: lookup api.example.com: no such host")},
		},
		{
			"refuses", http.HandlerFunc(hello),
			Steps{At(time.Second, HostRefuses(apiHost, true)), At(9*time.Second, HostRefuses(apiHost, false))},
			Want{Failures(1), failsWith(2, "dial tcp 198.51.100.1:80: connect: connection refused")},
		},
		{
			"resets", slow,
			Steps{At(time.Second, HostResets(apiHost)), At(9*time.Second, HostResets(apiHost))},
			Want{Failures(1), failsWith(1, "read: connection reset by peer"), Logs("in 3s")},
		},
		{
			"hangs", http.HandlerFunc(hello),
			Steps{At(time.Second, HostHangs(apiHost, true)), At(6500*time.Millisecond, HostHangs(apiHost, false))},
			Want{Failures(0), Logs("in 1.5s")},
		},
		{
			"hangs for ever", http.HandlerFunc(hello),
			Steps{At(time.Second, HostHangs(apiHost, true))},
			Want{Failures(2), failsWith(2, "Client.Timeout exceeded while awaiting headers"), failsWith(3, "Client.Timeout")},
		},
		{"sends slowly", long, Steps{At(time.Second, HostBandwidth(apiHost, 1500))}, // with the headers
			Want{Failures(0), Logs("in 2.758s")}},
		{
			"sends too slowly", long,
			Steps{At(time.Second, HostBandwidth(apiHost, 500)), At(9900*time.Millisecond, HostBandwidth(apiHost, 0))},
			Want{Failures(1), failsWith(2, "Client.Timeout or context cancellation while reading body")},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			var api Network
			api.Handle(apiHost, c.handler)
			client := &http.Client{Timeout: 4 * time.Second, Transport: api.Client().Transport}
			Run(t, fetcher(client), Scenario{
				Network: &api,
				Steps:   append(c.steps, stopAt(14500*time.Millisecond)),
				Want:    append(c.want, Iterations(3), Exit(0)),
				Orders:  20,
			})
		})
	}
}

// A time-out of a client has one text, also where two timers race for it: with
// the race detector, one in twenty differed.
func TestTimeOutsHaveOneText(t *testing.T) {
	var api Network
	api.Handle(apiHost, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, strings.Repeat("x", 4000)) }))
	client := &http.Client{Timeout: 2 * time.Second, Transport: api.Client().Transport}
	texts := map[string]int{}
	Run(t, poller, Scenario{
		Network: &api,
		Options: []core.Option{core.MaxConsecutiveFailures(1000)},
		Execute: Does(func(_ context.Context, d *core.Daemon) error {
			if d.Iteration() == 1 {
				clear(texts)
			}
			resp, err := client.Get("http://" + apiHost)
			if err == nil {
				_, err = io.ReadAll(resp.Body)
				_ = resp.Body.Close()
			}
			texts[fmt.Sprint(err)]++
			return err
		}),
		Steps: Steps{
			At(0, HostBandwidth(apiHost, 500)),
			At(999*time.Second, HostHangs(apiHost, true)), stopAt(1999 * time.Second),
		},
		Want: Want{Iterations(400), Failures(400), Exit(0)},
	})
	if len(texts) != 2 {
		t.Errorf("want two texts, got %v", texts)
	}
}

// Connections are kept alive, for each client and also where the daemon ends
// without closing them. HTTPS reaches the same handlers.
func TestConnectionsAreKeptAlive(t *testing.T) {
	var api Network
	var from []string
	var took []time.Duration
	api.Handle(apiHost, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { from = append(from, r.RemoteAddr) }))
	one, other := api.Client(), api.Client()
	Run(t, poller, Scenario{
		Network: &api,
		Execute: Does(func(_ context.Context, d *core.Daemon) error {
			if d.Iteration() == 1 {
				from, took = nil, nil
			}
			began := d.Clock().Now()
			defer func() { took = append(took, d.Clock().Now().Sub(began)) }()
			for _, client := range []*http.Client{one, one, other} {
				resp, err := client.Get("https://" + apiHost)
				if err != nil {
					return err
				}
				_ = resp.Body.Close()
			}
			return nil
		}),
		Steps: Steps{stopAt(7 * time.Second)},
		Want: Want{Iterations(2), Failures(0), Exit(0), Check("each message to take 10 µs", func(*Result) error {
			if want := []time.Duration{100 * time.Microsecond, 60 * time.Microsecond}; !slices.Equal(took, want) {
				return fmt.Errorf("it took %v", took)
			}
			return nil
		})},
		Orders: 20,
	})
	const first, second = "192.0.2.1:32768", "192.0.2.1:32769"
	if want := []string{first, first, second, first, first, second}; !slices.Equal(from, want) {
		t.Errorf("requests came from %q, want %q", from, want)
	}
}

// Other protocols have a network, too.
func TestConnectionsOfOtherProtocols(t *testing.T) {
	var n Network
	n.HandleConn("mail.example.com:25", func(c net.Conn) {
		fmt.Fprint(c, "220 hello\r\n")
		line, _ := bufio.NewReader(c).ReadString('\n')
		fmt.Fprintf(c, "250 %s", line)
	})
	Run(t, poller, Scenario{
		Network: &n,
		Execute: Does(func(ctx context.Context, d *core.Daemon) error {
			c, err := n.DialContext(ctx, "tcp", "mail.example.com:25")
			if err != nil {
				return err
			}
			defer c.Close()
			fmt.Fprint(c, "EHLO me\r\n")
			text, err := io.ReadAll(c)
			d.Logf("%q", text)
			return err
		}),
		Steps: Steps{At(time.Second, HostUnknown("mail.example.com:25", true)), stopAt(6 * time.Second).Maybe()},
		Want:  Want{Logs(`"220 hello\r\n250 EHLO me\r\n"`), Logs("no such host"), Exit(1)},
	})
}

// Nothing is left of a process that was killed in the middle of a request: its
// connections are closed for the host, and its own call finds nothing.
func TestAProcessIsKilledDuringARequest(t *testing.T) {
	var api Network
	var arrived, ended, returned time.Time
	api.Handle(apiHost, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		arrived = time.Now()
		<-r.Context().Done()
		ended = time.Now()
	}))
	var gone chan struct{}
	asking := fetcher(api.Client())
	r := Run(t, func(extra ...core.Option) *core.Daemon {
		gone = make(chan struct{})
		return asking(append(extra, core.Execute(func(ctx context.Context, d *core.Daemon) error {
			defer func() { returned = time.Now() }()
			return fetch(network.OwnedBy(context.WithoutCancel(ctx), gone), d, api.Client())
		}))...)
	}, Scenario{
		Network: &api,
		Steps: Steps{
			At(time.Second, Signal(syscall.SIGKILL), Do("its connections end", func(*World) { close(gone) })),
			At(time.Minute, Do("end", func(*World) {})),
		},
		Want: Want{Killed()},
	})
	if after := ended.Sub(arrived).Round(time.Millisecond); after != time.Second {
		t.Errorf("the host found the connection closed after %s", after)
	}
	if after := returned.Sub(arrived); after < time.Minute-time.Second {
		t.Errorf("the request returned after %s:\n%s", after, r.Timeline())
	}
	// also where nobody knows whose connection it is
	Run(t, fetcher(api.Client()), Scenario{
		Network: &api, Steps: Steps{At(time.Second, Signal(syscall.SIGKILL))}, Want: Want{Killed()},
	})
}

// Daemons that ask at one instant are answered in an order that the seed alone
// decides.
func TestTwoDaemonsThatPollAtOneInstant(t *testing.T) {
	var api Network
	requests := 0
	api.Handle(apiHost, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		requests++
		fmt.Fprintf(w, "request %d", requests)
	}))
	client := &http.Client{Timeout: 2 * time.Second, Transport: api.Client().Transport}
	s := Scenario{
		Network: &api,
		Steps: Steps{
			At(0, Command("-v")),
			At(12*time.Second, HostTakes(apiHost, 5*time.Second)),
			At(23*time.Second, HostTakes(apiHost, 0)),
			At(58*time.Second, Do("stop", func(w *World) {
				for _, p := range w.sim.Processes() {
					_ = p.Signal(syscall.SIGTERM)
				}
			})),
		},
		Want: Want{Failures(4), Iterations(24), Exit(0), Check("begin again", func(*Result) error { requests = 0; return nil })},
	}
	sameTimeline(t, fetcher(client), s, 40)

	orders := map[string]int{}
	for seed := range uint64(20) {
		s.Seed = seed + 1
		r, verdict := examine(t, fetcher(client), s)
		if verdict != "" {
			t.Fatal(verdict)
		}
		_, after, _ := strings.Cut(r.Timeline(), "00:05.000")
		_, after, _ = strings.Cut(after, "\n  00:05.000  ")
		before, _, _ := strings.Cut(after, "log: got")
		order := before[max(len(before)-4, 0):]
		orders[order]++
	}
	if len(orders) < 2 {
		t.Errorf("20 seeds have led to %d orders: %v", len(orders), orders)
	}
}

// Wrong uses of a network are told.
func TestWrongUsesOfANetwork(t *testing.T) {
	set(t, checkFlag, 1) // a step of it waits for the test
	var api Network
	api.Handle(apiHost, http.HandlerFunc(hello))
	_, err := api.Client().Get("http://" + apiHost)
	says(t, fmt.Sprint(err), "only while a scenario that has it as its Network is played")
	_, err = api.DialContext(t.Context(), "tcp", apiHost+":80")
	says(t, fmt.Sprint(err), "dial tcp: daemontest: a Network is there only while")

	_, verdict := examine(t, poller, Scenario{
		Execute: Instantly(), Steps: Steps{At(time.Second, HostRefuses(apiHost, true)), stopAt(2 * time.Second)},
	})
	says(t, verdict, `step "host api.example.com refuses: true": the scenario has no Network`)
	s := Scenario{
		Network: &api, Execute: Instantly(), Steps: Steps{At(time.Second, HostResets("apl.example.com"), HostTakes("apl.example.com", 1)), stopAt(2 * time.Second)},
	}
	_, verdict = examine(t, poller, s)
	says(t, verdict, `step "host apl.example.com resets": the network has no host "apl.example.com", only api.example.com`, `takes 1ns": the network has no host`)

	started, release := make(chan struct{}), make(chan struct{})
	first := make(chan string)
	go func() {
		_, verdict := examine(t, poller, Scenario{Network: &api, Execute: Instantly(), Steps: Steps{At(time.Second, Do("wait", func(*World) {
			close(started)
			<-release
		})), stopAt(2 * time.Second)}, Seed: 1})
		first <- verdict
	}()
	<-started
	_, verdict = examine(t, poller, Scenario{Network: &api, Execute: Instantly(), Steps: Steps{stopAt(2 * time.Second)}})
	close(release)
	says(t, verdict, "the scenario's Network is being played by another scenario: make one for each")
	if verdict := <-first; verdict != "" {
		t.Error(verdict)
	}
}

// A scenario that hangs leaves its network to the next one.
func TestANetworkOutlivesAPlayThatHangs(t *testing.T) {
	set(t, checkFlag, 1)
	set(t, watchdogFlag, 300*time.Millisecond)
	var api Network
	api.Handle(apiHost, http.HandlerFunc(hello))
	outside := make(chan struct{})
	defer close(outside)
	s := Scenario{Network: &api, Steps: Steps{At(time.Second, Do("hang", func(*World) { <-outside })), stopAt(2 * time.Second)}}
	_, verdict := examine(t, fetcher(api.Client()), s)
	says(t, verdict, "no progress for")
	s.Steps = Steps{stopAt(6 * time.Second)}
	s.Want = Want{Iterations(2), LogsTimes("got", 2)}
	Run(t, fetcher(api.Client()), s)
}

// Messages that arrive at one instant do so in one order, also on more
// connections than there are lanes.
func TestManyConnectionsHaveOneOrder(t *testing.T) {
	var n Network
	var d *core.Daemon
	n.HandleConn(apiHost, func(c net.Conn) {
		if text, err := io.ReadAll(c); err == nil && len(text) > 0 {
			d.Logf("%s", text)
		}
	})
	s := Scenario{
		Network: &n,
		Execute: Does(func(ctx context.Context, daemon *core.Daemon) error {
			d = daemon
			var all []net.Conn
			for range 120 {
				c, err := n.DialContext(ctx, "tcp", apiHost+":1")
				if err != nil {
					return err
				}
				all = append(all, c)
			}
			for i, c := range all {
				fmt.Fprintf(c, "message %d", i)
				_ = c.Close()
			}
			return nil
		}),
		Steps: Steps{stopAt(4 * time.Second)},
		Want:  Want{LogsTimes("message", 120), Exit(0)},
	}
	sameTimeline(t, poller, s, 20)
}

// The two ends of a connection do not act at one instant.
func TestBothEndsOfAConnectionSpeakAtOneInstant(t *testing.T) {
	var n Network
	var d *core.Daemon
	chat := func(c net.Conn, who string) {
		go func() {
			for s := bufio.NewScanner(c); s.Scan(); {
				d.Logf("%s received: %s", who, s.Text())
			}
		}()
		for range 20 {
			time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(time.Second)))
			fmt.Fprintln(c, "from", who)
		}
		time.Sleep(time.Second)
		_ = c.Close()
	}
	n.HandleConn(apiHost, func(c net.Conn) { chat(c, "host") })
	s := Scenario{
		Network: &n,
		Execute: Script{}.DoesAt(1, func(ctx context.Context, daemon *core.Daemon) error {
			d = daemon
			c, err := n.DialContext(ctx, "tcp", apiHost+":1")
			if err == nil {
				chat(c, "daemon")
			}
			return err
		}),
		Steps: Steps{stopAt(24 * time.Second)},
		Want:  Want{LogsTimes("host received", 20), LogsTimes("daemon received", 20), Exit(0)},
	}
	sameTimeline(t, poller, s, 20)
}

// Whatever connections a process has, the other end finds them closed when it
// ends.
func TestAllConnectionsOfAProcessEndWithIt(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM} {
		var network Network
		ended := make(chan string, 2) // one for each play
		network.HandleConn("mq.example.com", func(c net.Conn) {
			_, err := c.Read(make([]byte, 1))
			ended <- fmt.Sprint(err)
		})
		dial := core.Setup(func(context.Context, *core.Daemon) error {
			_, err := network.DialContext(context.Background(), "tcp", "mq.example.com:1883")
			return err
		})
		Run(t, with(beater, dial), Scenario{
			Network: &network,
			Steps: Steps{
				At(time.Second, Signal(sig)),
				At(2*time.Second, Do("the other end", func(w *World) {
					select {
					case err := <-ended:
						if err != "EOF" {
							w.Fail("after %s: %s", sig, err)
						}
					default:
						w.Fail("after %s the connection is still open", sig)
					}
				})),
			},
			Want: Want{AnyOf(Want{Killed()}, Want{Exit(0)})},
		})
	}
}
