package daemontest

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/forker"
	"github.com/evertick/evertick/lock"
	"github.com/evertick/evertick/mail"
)

// image is one image of a process: the daemon built anew, and the host that it
// is on. When the next one has taken its place, or the process is no more,
// nothing that its goroutines still do has an effect, as if exec or the end
// had swept them away.
type image struct {
	*process
	birth  forker.Birth
	daemon *core.Daemon

	last int64 // when settle let the loop go on, as process.shaken

	over atomic.Bool
	gone chan struct{} // closed when over

	mu    sync.Mutex            // held for instants only
	fires map[time.Duration]int // how many timers are due in a quantum
	loop  bool                  // the loop's timer has been made
}

func newImage(p *process, birth forker.Birth) *image {
	return &image{process: p, birth: birth, gone: make(chan struct{}), fires: map[time.Duration]int{}}
}

// end makes the image one of the past.
func (i *image) end() {
	if !i.over.Swap(true) {
		close(i.gone)
	}
}

func (i *image) alive() bool { return !i.over.Load() && !i.world.left.Load() }

// awake waits as long as the process is stopped, and reports whether the image
// is still there. Those that waited go on one after the other, in the order in
// which they came.
func (i *image) awake() bool {
	for i.stopped.Load() && i.alive() {
		p := i.process
		p.mu.Lock()
		thaw, rank := p.thaw, p.frozen
		p.frozen++
		p.mu.Unlock()
		if thaw == nil {
			break
		}
		select {
		case <-thaw:
			time.Sleep(p.world.until(p.block, laneThaw, 0) + time.Duration(rank)*quantum)
		case <-i.gone:
		}
	}
	return i.alive()
}

// wait is for a lane of the process, d from now. It ends with ctx, whose cause
// it then returns, and with the image.
func (i *image) wait(ctx context.Context, sub int, d time.Duration) error {
	t := time.NewTimer(i.world.until(i.block, sub, d))
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
		i.world.cross(i.block, sub)
	case <-i.gone:
		return errGone
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if !i.awake() {
		return errGone
	}
	return nil
}

// checkpoint is core.Host.Checkpoint: where the loop of a stopped process
// waits, and a killed one ends.
func (i *image) checkpoint() bool {
	alive := i.awake()
	if at := i.shaken.Load(); at != 0 && alive {
		i.settle(at)
		alive = i.alive()
	}
	return alive
}

// settle slows the loop down after signals have come: it waits until all that
// came together are there, and then handles one event in a quantum, so that
// what the one sets going in other goroutines has its turn before the next.
func (i *image) settle(shaken int64) {
	switch now := int64(i.world.now()) + 1; now {
	case i.last:
		i.world.cross(i.block, laneLoop)
		i.last = int64(i.world.now()) + 1
	case shaken:
		i.world.lineUp(i.block, laneLoop)
		i.last = now
	default: // time has moved on by itself
		i.shaken.CompareAndSwap(shaken, 0)
	}
}

// options puts a daemon onto this image's host.
func (i *image) options() []core.Option {
	host := i.host()
	opts := []core.Option{core.WithHost(host)}
	switch s := i.world.scenario.Execute; {
	case s.base.kind != actReal:
		opts = append(opts, core.Execute(i.play(s, nil)))
	case len(s.rules) > 0:
		host.Execute = func(real core.Func) core.Func { return i.play(s, real) }
		opts[0] = core.WithHost(host)
	}
	return append(opts, i.world.scenario.Options...)
}

func (i *image) host() core.Host {
	w := i.world
	return core.Host{
		Clock:      worldClock{w: w, i: i},
		Processes:  i,
		Answers:    memAnswers{i},
		Signals:    i,
		Files:      memFiles{i},
		Supervisor: supervisor{i},
		Stdout:     stream{i, &w.stdout},
		Stderr:     stream{i, &w.stderr},
		Args:       i.args,
		Name:       hostName,
		User:       func() string { return "tester" },
		Vitals:     func() core.Vitals { return core.Vitals{Heap: 1 << 20, Goroutines: 8, Go: "go"} },
		Exit:       i.exit,
		Locker:     i.locker,
		Sender:     func(s mail.Sender) mail.Sender { return &memSender{i: i, real: s} },
		Checkpoint: i.checkpoint,
		Observe:    i.observe,
	}
}

func (i *image) exit(code int) {
	p := i.process
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.over {
		p.code = code
	}
}

func (i *image) locker(l lock.Locker) lock.Locker {
	if l.String() == "null:" {
		return l
	}
	if _, ok := l.(interface{ InMemory() }); ok {
		return processLock{Locker: l, i: i}
	}
	ttl := time.Duration(0)
	if leased, ok := l.(leased); ok {
		ttl = leased.ttl
	}
	return processLock{i.world.locks.Lock(l.String(), ttl), i, ttl > 0}
}
