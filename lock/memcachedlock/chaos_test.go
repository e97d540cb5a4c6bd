package memcachedlock_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/lock/memcachedlock"
	"github.com/evertick/evertick/memcache"
	"github.com/evertick/evertick/memcache/memcachetest"
)

var (
	chaosRounds = flag.Int("chaos.rounds", 44, "how many faults TestChaos plays, in four groups")
	chaosSeed   = flag.Uint64("chaos.seed", 1, "what TestChaos plays")
)

const (
	groups     = 4
	contenders = 5
	chaosKey   = "chaos"
)

// group are contenders for one lock, and what happens to them.
type group struct {
	t       *testing.T
	rnd     *rand.Rand
	server  *memcachetest.Process
	crowd   []member
	witness *witness
	losses  []loss
	report  *report
	env     []string // of the processes
}

// member is a contender, and the proxy by which it reaches the server.
type member struct {
	*process
	proxy *memcachetest.Proxy
}

// report is what all groups have done.
type report struct {
	mu        sync.Mutex
	faults    map[string]int
	tenures   int
	explained []time.Duration
	takeOver  []time.Duration // from SIGKILL to the next owner's first work
}

// faults are what happens in a round, each at least once in each group. What
// it returns must not last.
var faults = []struct {
	name  string
	apply func(g *group, holder span)
}{
	{"SIGKILL", (*group).kill},
	{"SIGSTOP", (*group).stop},
	{"restart", (*group).restart},
	{"flush", (*group).flush},
	{"eviction", (*group).evict},
	{"cut", (*group).cut},
	{"partition", (*group).partition},
	{"delay", (*group).delay},
}

// Five processes in each of four groups want a lock, among faults. Two of them
// never work at once, unless the server has lost the lock: that is checked against
// the list in the package's documentation.
func TestChaos(t *testing.T) {
	t.Parallel()
	r := &report{faults: map[string]int{}}
	var all sync.WaitGroup
	for n := range groups {
		all.Go(func() {
			t.Run(fmt.Sprint("group ", n), func(t *testing.T) {
				newGroup(t, r, uint64(n)).play((*chaosRounds + groups - 1) / groups)
			})
		})
	}
	all.Wait()
	slices.Sort(r.takeOver)
	slices.Sort(r.explained)
	t.Logf("seed %d: faults %v, tenures %d", *chaosSeed, r.faults, r.tenures)
	if n := len(r.takeOver); n > 0 {
		t.Logf("from SIGKILL to the next owner's work: p50 %v, max %v of %d, with a TTL of %v", r.takeOver[n/2], r.takeOver[n-1], n, chaosTTL)
	}
	if n := len(r.explained); n > 0 {
		t.Logf("overlaps that a loss in the server explains: %d, the longest %v", n, r.explained[n-1])
	}
	for _, f := range faults {
		if r.faults[f.name] < min(groups, *chaosRounds/len(faults)) {
			t.Errorf("the fault %s was played %d times only", f.name, r.faults[f.name])
		}
	}
}

// Contenders that work on beyond their deadline are found, as soon as the fault meets
// the holder.
func TestChaosFindsAMistake(t *testing.T) {
	t.Parallel()
	g := newGroup(t, &report{faults: map[string]int{}}, 0, mistakeEnv+"=deadline")
	for n := 1; ; n++ {
		g.stop(g.working(0))
		g.working(boot())
		if wrong, _ := g.witness.judge(g.losses); len(wrong) > 0 {
			return
		}
		require.LessOrEqual(t, n, 10, "the mistake was not found")
	}
}

func newGroup(t *testing.T, r *report, n uint64, env ...string) *group {
	g := &group{
		t: t, rnd: rand.New(rand.NewPCG(*chaosSeed, n)), server: memcachetest.Start(t, "-m", "2"),
		witness: newWitness(t), report: r, env: env,
	}
	for range contenders {
		g.start()
	}
	return g
}

func (g *group) start() {
	proxy := memcachetest.NewProxy(g.t, g.server.Address())
	l := memcachedlock.New([]string{proxy.Address()}, chaosKey, memcachedlock.Options{TTL: chaosTTL})
	p := startProcess(g.t, "contend", append(g.env, "LOCK="+l.String(), "WITNESS="+g.witness.path)...)
	g.crowd = append(g.crowd, member{p, proxy})
}

// play plays the faults in an order of the seed, each as often as the others.
func (g *group) play(rounds int) {
	var order []int
	for len(order) < rounds {
		order = append(order, g.rnd.Perm(len(faults))...)
	}
	for round, n := range order[:rounds] {
		f := faults[n]
		holder := g.working(0)
		began := boot()
		f.apply(g, holder)
		g.working(max(began, boot()))
		g.report.count(f.name)
		if wrong, _ := g.witness.judge(g.losses); len(wrong) > 0 {
			g.t.Fatalf("round %d, %s, seed %d:\n%q\nlosses: %v", round, f.name, *chaosSeed, wrong, g.losses)
		}
	}
	for _, p := range g.crowd {
		p.kill()
	}
	require.NoError(g.t, g.witness.read())
	wrong, explained := g.witness.judge(g.losses)
	if len(wrong) > 0 {
		g.t.Errorf("seed %d:\n%q\nlosses: %v", *chaosSeed, wrong, g.losses)
	}
	g.report.mu.Lock()
	defer g.report.mu.Unlock()
	g.report.explained = append(g.report.explained, explained...)
	g.report.tenures += len(g.witness.spans)
}

func (r *report) count(fault string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults[fault]++
}

// await looks until what is wanted is there.
func (g *group) await(what string, done func() bool) {
	g.t.Helper()
	limit := time.Now().Add(time.Minute)
	for !done() {
		if time.Now().After(limit) {
			g.t.Fatalf("in a minute, %s; seed %d", what, *chaosSeed)
		}
		<-time.After(5 * time.Millisecond)
	}
}

// working waits until somebody works, after that instant, and returns who.
func (g *group) working(after time.Duration) span {
	g.t.Helper()
	g.await("nobody works", func() bool {
		require.NoError(g.t, g.witness.read())
		return g.witness.last.last > after && boot()-g.witness.last.last < 10*slice
	})
	return g.witness.last
}

// until waits for an instant.
func (g *group) until(at time.Duration) { <-time.After(at - boot()) }

// some returns a duration of the seed, from d to twice that.
func (g *group) some(d time.Duration) time.Duration {
	return d + time.Duration(g.rnd.Int64N(int64(d)))
}

// lose notes a fault that makes the server forget.
func (g *group) lose(what string, fault func()) {
	from := boot()
	fault()
	g.losses = append(g.losses, loss{what, from, boot()})
}

// member returns the one that works.
func (g *group) member(holder span) member {
	i := slices.IndexFunc(g.crowd, func(m member) bool { return m.pid() == holder.pid })
	require.GreaterOrEqual(g.t, i, 0, "PID %d is nobody's", holder.pid)
	return g.crowd[i]
}

// kill kills the holder; another process takes its place in the crowd.
func (g *group) kill(holder span) {
	m := g.member(holder)
	m.kill()
	killed := boot()
	g.crowd = slices.DeleteFunc(g.crowd, func(other member) bool { return other == m })
	g.start()
	require.NoError(g.t, g.witness.read())
	last := g.witness.last
	next := g.working(killed)
	if last.token != holder.token || last.pid != holder.pid {
		return // it had released the lock just before
	}
	g.report.mu.Lock()
	defer g.report.mu.Unlock()
	g.report.takeOver = append(g.report.takeOver, next.first-killed)
}

// stop stops the holder for longer than its lease lives. It works on, when it
// goes on, only if its deadline permits.
func (g *group) stop(holder span) {
	m := g.member(holder)
	stopped := boot()
	require.NoError(g.t, m.cmd.Process.Signal(syscall.SIGSTOP))
	g.until(stopped + chaosTTL + g.some(chaosTTL/4))
	require.NoError(g.t, m.cmd.Process.Signal(syscall.SIGCONT))
}

func (g *group) restart(span) { g.lose("restart", g.server.Restart) }
func (g *group) flush(span)   { g.lose("flush", g.server.Flush) }

// evict writes values as large as that of the lock until the server has another
// one there, or none.
func (g *group) evict(span) {
	cache := memcache.New([]string{g.server.Address()}, memcache.Options{Timeout: time.Minute})
	defer cache.Close()
	look := func() []byte {
		item, err := cache.Get(g.t.Context(), chaosKey)
		if !errors.Is(err, memcache.ErrMiss) {
			require.NoError(g.t, err)
		}
		return item.Value
	}
	before := look()
	g.lose("eviction", func() {
		g.await("nothing is evicted", func() bool {
			g.flood(max(len(before), 300))
			return len(before) == 0 || !bytes.Equal(look(), before)
		})
	})
}

// flood sets many values of that size, without asking for answers.
func (g *group) flood(size int) {
	const n = 5000
	conn, err := net.Dial("tcp", g.server.Address())
	require.NoError(g.t, err)
	defer conn.Close()
	require.NoError(g.t, conn.SetDeadline(time.Now().Add(time.Minute)))
	var all bytes.Buffer
	for i := range n {
		fmt.Fprintf(&all, "set %0*d 0 0 %d noreply\r\n%*s\r\n", len(chaosKey), i, size, size, "")
	}
	all.WriteString("version\r\n")
	_, err = all.WriteTo(conn)
	require.NoError(g.t, err)
	_, err = io.ReadFull(conn, make([]byte, len("VERSION")))
	require.NoError(g.t, err)
}

// everywhere does something to all proxies.
func (g *group) everywhere(do func(p *memcachetest.Proxy)) {
	for _, m := range g.crowd {
		do(m.proxy)
	}
}

func (g *group) weather(w memcachetest.Weather) {
	g.everywhere(func(p *memcachetest.Proxy) { p.SetWeather(w) })
}

// cut closes connections, loses answers, and refuses connections for a while.
func (g *group) cut(span) {
	for range 5 {
		g.everywhere((*memcachetest.Proxy).Cut)
		g.until(boot() + g.some(20*time.Millisecond))
		g.weather(memcachetest.Weather{LosesAnswers: true})
		g.until(boot() + g.some(50*time.Millisecond))
		g.weather(memcachetest.Weather{})
	}
	g.everywhere(func(p *memcachetest.Proxy) { p.SetDown(true) })
	g.until(boot() + g.some(200*time.Millisecond))
	g.everywhere(func(p *memcachetest.Proxy) { p.SetDown(false) })
}

// partition keeps the holder from the server for longer than its lease lives,
// while the others reach it.
func (g *group) partition(holder span) {
	m := g.member(holder)
	m.proxy.SetDown(true)
	g.until(boot() + chaosTTL + g.some(chaosTTL/8))
	m.proxy.SetDown(false)
}

// delay lets requests and answers be under way for longer than a client waits.
func (g *group) delay(span) {
	end := boot() + chaosTTL/2
	for boot() < end {
		g.weather(memcachetest.Weather{Requests: g.some(100 * time.Millisecond), Answers: g.some(100 * time.Millisecond)})
		g.until(boot() + g.some(100*time.Millisecond))
		g.weather(memcachetest.Weather{Requests: g.some(300 * time.Millisecond)})
		g.until(boot() + g.some(100*time.Millisecond))
	}
	g.weather(memcachetest.Weather{})
}
