package network

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"
)

// RoundTrip answers a request. Connections are kept alive for the next request
// of the same client, a comparable value, and the same owner. HTTPS is spoken
// without encryption.
//
// A time-out of http.Client fires two timers at one instant: that of the
// request's context, and one that closes Request.Cancel and changes the error's
// text. Only the first one ends the request here, and the other has fired, too,
// when the error is returned; otherwise texts would differ from play to play.
func (n *Network) RoundTrip(client any, req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	if _, timed := ctx.Deadline(); timed {
		req = req.WithContext(ctx) // a copy
		req.Cancel = nil           //nolint:staticcheck // http.Client sets it, deprecated or not
	}
	resp, err := n.transport(pool{client, owner(ctx)}).RoundTrip(req)
	if err != nil {
		n.settle(ctx)
	} else if resp.StatusCode != http.StatusSwitchingProtocols { // its body is a connection
		resp.Body = body{resp.Body, n, ctx}
	}
	return resp, err
}

// settle waits, if the context has ended, until all that is due at this instant
// has happened. A process that is gone waits until the network is closed.
func (n *Network) settle(ctx context.Context) {
	select {
	case <-owner(ctx):
		<-n.closed
	default:
	}
	if ctx.Err() != nil {
		_ = n.wait(context.Background(), n.number(), Client, 0)
	}
}

// body is that of a response.
type body struct {
	io.ReadCloser
	n   *Network
	ctx context.Context
}

func (b body) Read(p []byte) (int, error) {
	k, err := b.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		b.n.settle(b.ctx)
	}
	return k, err
}

// transport returns that of a pool. It is as http.DefaultTransport, but reads no
// proxy from the environment. A connection of DialTLSContext is taken for one
// that is encrypted already.
func (n *Network) transport(p pool) *http.Transport {
	n.mu.Lock()
	defer n.mu.Unlock()
	t := n.pools[p]
	if t == nil {
		t = &http.Transport{
			DialContext: n.Dial, DialTLSContext: n.Dial,
			MaxIdleConns: 100, IdleConnTimeout: 90 * time.Second, ExpectContinueTimeout: time.Second,
		}
		n.pools[p] = t
	}
	return t
}
