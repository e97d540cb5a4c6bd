package network

import "context"

type ownerKey struct{}

// OwnedBy returns a context for the connections of a process: those that are
// dialled with it, or for a request that has it, end when gone is closed. The
// other end then finds them closed. What this end had called does not return
// before the network is closed.
func OwnedBy(ctx context.Context, gone <-chan struct{}) context.Context {
	return context.WithValue(ctx, ownerKey{}, gone)
}

// owner returns what is closed when the owner is gone; nil for no owner.
func owner(ctx context.Context) <-chan struct{} {
	gone, _ := ctx.Value(ownerKey{}).(<-chan struct{})
	return gone
}

// HasOwner reports whether a context is one of OwnedBy.
func HasOwner(ctx context.Context) bool { return owner(ctx) != nil }

// pool names the connections that are kept alive for one client of one process.
type pool struct {
	client any
	owner  <-chan struct{}
}
