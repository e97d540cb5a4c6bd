package forker

import (
	"context"
	"slices"
	"syscall"
	"time"

	"github.com/evertick/evertick/clockwork"
)

// killPatience is how long Stop waits for what SIGKILL must end. Only a process
// that hangs in the kernel takes longer.
const killPatience = 5 * time.Second

// Stop ends all children. It refuses new ones as Refuse does, and ends the calls
// that wait for a worker with ErrClosed. It sends SIGTERM to the tasks that run,
// and tells the workers to finish, after the calls that they run. It waits for all of them together until ctx is done, and then
// kills all that are left. It returns those that it had to kill; one that even
// that did not end within five seconds has not the state Ended, nor has a
// function that does not return.
func (g *Group) Stop(ctx context.Context) []Info {
	g.Refuse()
	for _, live := range g.livePools() {
		live.end()
	}
	for _, c := range g.all() {
		c.askToEnd()
	}
	if g.awaitNone(ctx, func(*child) bool { return true }) {
		return nil
	}
	left := g.all()
	for _, c := range left {
		c.forceEnd()
	}
	ctx, cancel := clockwork.WithTimeout(context.WithoutCancel(ctx), g.clock(), killPatience)
	defer cancel()
	g.awaitNone(ctx, func(c *child) bool { return !c.inProcess() })
	var killed []Info
	for _, c := range left {
		if info := g.infoOf(c); info.State != Ended || info.Exit.Signal == syscall.SIGKILL {
			killed = append(killed, info)
		}
	}
	return killed
}

// all returns the children that run.
func (g *Group) all() []*child {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.running)
}

// awaitNone waits until no child runs that counts; false says that ctx was done
// first.
func (g *Group) awaitNone(ctx context.Context, counts func(*child) bool) bool {
	for {
		g.mu.Lock()
		if !slices.ContainsFunc(g.running, counts) {
			g.mu.Unlock()
			return true
		}
		if g.changed == nil {
			g.changed = make(chan struct{})
		}
		changed := g.changed
		g.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}
