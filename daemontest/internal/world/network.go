package world

import (
	"context"
	"time"

	"github.com/evertick/evertick/daemontest/internal/network"
)

// StartNetwork gives the world a network of these hosts, until the scenario is
// over. It is called once, before anything happens.
func (w *World) StartNetwork(hosts []network.Host) {
	lanes := &networkLanes{time: w.time, taken: map[time.Duration]int{}}
	w.Network = network.New(network.Config{
		Hosts: hosts,
		Until: lanes.until,
		Fail:  func(message string) { w.Fail("%s", message) },
	})
}

// Owned returns ctx for what is dialled with it: where no process owns that yet,
// the only one that lives does.
func (w *World) Owned(ctx context.Context) context.Context {
	var gone <-chan struct{}
	for _, p := range w.Processes() {
		switch {
		case !p.Alive() || p.IsTrial():
		case gone != nil:
			return ctx
		default:
			gone = p.present.Load().gone
		}
	}
	if gone == nil || network.HasOwner(ctx) {
		return ctx
	}
	return network.OwnedBy(ctx, gone)
}

// endNetwork closes what the network has open.
func (w *World) endNetwork() {
	if w.Network != nil {
		w.Network.Close()
	}
}

// networkLanes are the lanes in which messages arrive: each connection has those
// of a block, from the end at which the steps take theirs.
type networkLanes struct {
	time  *worldTime
	taken map[time.Duration]int // connections by the time at which they have a lane
}

// until is how long it is until a lane of a connection comes, d from now. Where
// another one has the same lanes, because there are more connections than
// blocks, the next quantum is as good.
func (l *networkLanes) until(conn int, towards network.Side, d time.Duration) time.Duration {
	sub := laneClient
	if towards == network.Server {
		sub = laneServer
	}
	now := l.time.exact()
	for at := range l.taken {
		if at < now {
			delete(l.taken, at)
		}
	}
	at := now + l.time.until(l.time.stepBlock(conn), sub, d)
	for {
		if other, taken := l.taken[at]; !taken || other == conn {
			break
		}
		at += l.time.quantum
	}
	l.taken[at] = conn
	return at - now
}
