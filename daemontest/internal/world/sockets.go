package world

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
)

// bubbles are the worlds that are being played, by the names of their bubbles.
var bubbles sync.Map

// The default transport of net/http keeps connections, whose goroutines stop
// the clock of the bubble in which they were made; and httptest.Server.Close
// closes them from outside of it, which ends the test binary. So in a bubble it
// makes none. It is told so before main, because a transport must not be changed
// once it is used.
func init() {
	if t, ok := http.DefaultTransport.(*http.Transport); ok {
		t.DialContext = refuseInBubbles(t.DialContext)
	}
}

type dialFunc = func(ctx context.Context, network, address string) (net.Conn, error)

// refuseInBubbles returns a dial that fails in a world's bubble, and so does the
// scenario.
func refuseInBubbles(dial dialFunc) dialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		w, ok := bubbles.Load(bubbleName())
		if !ok {
			return dial(ctx, network, address)
		}
		w.(*World).refuseSocket(address)
		return nil, &net.OpError{Op: "dial", Net: network, Err: fmt.Errorf("there is no way from a scenario to %s, which is real", address)}
	}
}

// refuseSocket makes the scenario fail, once for each address.
func (w *World) refuseSocket(address string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.refused[address] {
		return
	}
	if w.refused == nil {
		w.refused = map[string]bool{}
	}
	w.refused[address] = true
	w.Fail("http.DefaultTransport was asked for a real connection to %s, for which the bubble's clock would stand still: it was refused. %s", address, remedy)
}
