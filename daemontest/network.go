package daemontest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/evertick/evertick/daemontest/internal/network"
	"github.com/evertick/evertick/daemontest/internal/world"
)

// Network is a network in memory, for daemons that speak to others: real sockets
// stop a scenario's clock. A test declares its hosts and gives it to
// Scenario.Network; the daemon reaches it through Client or DialContext. The
// zero value is a network without hosts. It is safe for concurrent use, but one
// scenario at a time can play it; each play begins with hosts that are well and
// no connections.
//
// Connections behave as those of TCP, and http.Server serves the handlers, in
// the scenario's bubble. Each message takes 10 µs of the world's time. HTTP
// connections are kept alive. HTTPS reaches the same handlers, without
// encryption: what the handler and the client see has no TLS. There is no
// HTTP/2.
//
// When a process ends, or another program takes its place, its connections are
// closed: those that were dialled with the context of an iteration and, as long as
// it is the only process, all others. A process that is stopped by SIGSTOP goes
// on receiving.
type Network struct {
	mu     sync.Mutex // held for instants only
	hosts  []network.Host
	played *world.World // nil for none
}

// Handle lets h answer the requests to a host, such as "api.example.com": on all
// ports, or on one that is named with it. The last handler of a host counts, in
// the plays that begin afterwards. What goes wrong in it, such as a panic, fails
// the scenario.
func (n *Network) Handle(host string, h http.Handler) {
	n.add(network.Host{Name: host, Handler: h})
}

// HandleConn is Handle for other protocols: serve is called in a goroutine of its
// own with each connection, which is closed when it returns.
func (n *Network) HandleConn(host string, serve func(net.Conn)) {
	n.add(network.Host{Name: host, Serve: serve})
}

func (n *Network) add(h network.Host) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for i := range n.hosts {
		if strings.EqualFold(n.hosts[i].Name, h.Name) {
			n.hosts[i] = h
			return
		}
	}
	n.hosts = append(n.hosts, h)
}

// Client returns a client that reaches the hosts. It can be made anywhere, and
// lives as long as the Network; its connections belong to a play. Its Transport
// also serves in a client of the daemon's own, such as http.DefaultClient.
func (n *Network) Client() *http.Client { return &http.Client{Transport: &roundTripper{n}} }

// roundTripper is one client's, by its address.
type roundTripper struct{ n *Network }

func (t *roundTripper) RoundTrip(req *http.Request) (*http.Response, error) {
	play, w := t.n.now()
	if play == nil {
		if req.Body != nil {
			_ = req.Body.Close()
		}
		return nil, errNoPlay
	}
	return play.RoundTrip(t, req.WithContext(w.Owned(req.Context())))
}

// DialContext connects to a host, as that of net.Dialer does, over TCP. Outside
// of a play it fails.
func (n *Network) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	play, w := n.now()
	if play == nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: errNoPlay}
	}
	return play.Dial(w.Owned(ctx), network, address)
}

var errNoPlay = errors.New("daemontest: a Network is there only while a scenario that has it as its Network is played")

// now returns the network of the play, and its world; nil for none.
func (n *Network) now() (*network.Network, *world.World) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.played == nil {
		return nil, nil
	}
	return n.played.Network, n.played
}

// begin lets the hosts serve in the bubble of w, if no other play has the
// network. Until end, no other one will.
func (n *Network) begin(w *world.World) {
	if n == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.played != nil {
		w.Fail("the scenario's Network is being played by another scenario: make one for each")
		return
	}
	w.StartNetwork(n.hosts)
	n.played = w
}

func (n *Network) end(w *world.World) {
	if n == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.played == w {
		n.played = nil
	}
}

// HostTakes lets everything that a host of the scenario's Network sends be under
// way d longer, from now on: its answers, and the greeting of other protocols.
// To connect takes no longer.
func HostTakes(host string, d time.Duration) Action {
	return hostFault(d > 0, host, fmt.Sprintf("takes %s", d), func(f *network.Faults) { f.Takes = d })
}

// HostBandwidth lets so many bytes a second arrive from a host, on each
// connection. Zero means no limit.
func HostBandwidth(host string, bytesPerSecond int) Action {
	return hostFault(bytesPerSecond > 0, host, fmt.Sprintf("sends %d bytes a second", bytesPerSecond), func(f *network.Faults) { f.Bandwidth = bytesPerSecond })
}

// HostUnknown lets the name of a host not resolve, or resolve again. Connections
// that are open stay so, and are used: see HostResets.
func HostUnknown(host string, unknown bool) Action {
	return hostFault(unknown, host, fmt.Sprintf("unknown: %t", unknown), func(f *network.Faults) { f.Unknown = unknown })
}

// HostRefuses lets a host refuse connections, or accept them again. Those that
// are open are reset, as when the server there has ended.
func HostRefuses(host string, refuses bool) Action {
	return hostFault(refuses, host, fmt.Sprintf("refuses: %t", refuses), func(f *network.Faults) { f.Refuses = refuses })
}

// HostHangs lets a host accept connections and do nothing else, or go on. What
// was sent to it meanwhile, and by it, then arrives.
func HostHangs(host string, hangs bool) Action {
	return hostFault(hangs, host, fmt.Sprintf("hangs: %t", hangs), func(f *network.Faults) { f.Hangs = hangs })
}

// HostResets resets all connections to a host, at both ends. An HTTP client tries
// a GET again by itself where the connection was one that it had kept alive.
func HostResets(host string) Action {
	a := hostAction(host, "resets", func(n *network.Network) error { return n.Reset(host) })
	a.met = metHost(host)
	return a
}

func hostFault(wrong bool, host, what string, change func(*network.Faults)) Action {
	a := hostAction(host, what, func(n *network.Network) error { return n.Fault(host, change) })
	if wrong {
		a.met = metHost(host)
	}
	return a
}

// metHost counts how often what is wrong with a host could be met.
func metHost(host string) func(w *World) int64 {
	return func(w *World) int64 {
		if w.sim.Network == nil {
			return 0
		}
		return w.sim.Network.Met(host)
	}
}

func hostAction(host, what string, do func(n *network.Network) error) Action {
	name := "host " + host + " " + what
	return Action{name: name, condition: true, do: func(w *World) {
		if w.sim.Network == nil {
			w.Fail("step %q: the scenario has no Network", name)
		} else if err := do(w.sim.Network); err != nil {
			w.Fail("step %q: %v", name, err)
		}
	}}
}
