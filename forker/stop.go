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
// and tells the workers to finish, after the calls that they run. It waits for all
// of them together until ctx is done, and then kills all that are left; those that
// were started since, after Accept, are not its own. It returns those that it had
// to kill; one that even that did not end within five seconds has not the state
// Ended, nor has a function that does not return.
func (g *Group) Stop(ctx context.Context) []Info {
	g.mu.Lock()
	g.stopping = true
	g.mu.Unlock()
	g.resume()
	defer g.endAdopted()
	return g.stop(ctx, func(*child) bool { return false })
}

// StopForRestart does as Stop, but spares the children that outlive a restart:
// it pauses them, so that Handoff can hand them over. What they print and say
// waits in the meantime. One that cannot be paused until ctx is done, because a
// function of the group does not return, is killed as well.
func (g *Group) StopForRestart(ctx context.Context) []Info {
	defer g.endAdopted()
	return g.stop(ctx, func(c *child) bool { return c.settings.outlives })
}

// stop ends the children but for those to be spared, which it pauses.
func (g *Group) stop(ctx context.Context, spares func(*child) bool) []Info {
	g.Refuse()
	for _, live := range g.livePools() {
		live.end()
	}
	var spared []*child
	found := make(map[*child]bool) // no other begins before Accept
	for _, c := range g.all() {
		found[c] = true
		if spares(c) {
			spared = append(spared, c)
		} else {
			c.askToEnd()
		}
	}
	g.pause(ctx, spared)
	ends := func(c *child) bool { return found[c] && !c.paused } // mu is held
	if g.awaitNone(ctx, ends) {
		return nil
	}
	left := g.all()
	g.mu.Lock()
	left = slices.DeleteFunc(left, func(c *child) bool { return !ends(c) })
	g.mu.Unlock()
	for _, c := range left {
		c.forceEnd()
	}
	ctx, cancel := clockwork.WithTimeout(context.WithoutCancel(ctx), g.clock(), killPatience)
	defer cancel()
	g.awaitNone(ctx, func(c *child) bool { return ends(c) && !c.inProcess() })
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
