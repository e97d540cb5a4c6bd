package etcdlock_test

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/clockwork"
)

const (
	groups     = 3 // each with a lock and a server of its own
	contenders = 5
	chaosTTL   = 2 * time.Second
)

// chaos is processes that contend for one lock, among faults.
type chaos struct {
	t       *testing.T
	random  *rand.Rand
	server  *server
	witness string
	env     []string
	each    []*contestant
	faults  map[string]int
}

// contestant is one of them, behind a network of its own.
type contestant struct {
	*process
	network *proxy
	url     string
}

// faults are what chaos can do. Each is over when it returns.
var faults = map[string]func(c *chaos, victim *contestant){
	"paused beyond the TTL": func(c *chaos, victim *contestant) {
		c.signal(victim, syscall.SIGSTOP)
		c.pass(chaosTTL + c.upTo(time.Second))
		c.signal(victim, syscall.SIGCONT)
	},
	"killed": func(c *chaos, victim *contestant) {
		victim.kill()
		c.start(victim)
	},
	"cut off for a moment": func(_ *chaos, victim *contestant) { victim.network.cut() },
	"cut off beyond the TTL": func(c *chaos, victim *contestant) {
		victim.network.setDown(true)
		c.pass(chaosTTL + c.upTo(time.Second))
		victim.network.setDown(false)
	},
	"answered late": func(c *chaos, victim *contestant) {
		resume := victim.network.stall()
		c.pass(c.upTo(chaosTTL * 3 / 2))
		resume()
	},
	"all answered late": func(c *chaos, _ *contestant) {
		var resume []func()
		for _, one := range c.each {
			resume = append(resume, one.network.stall())
		}
		c.pass(c.upTo(chaosTTL * 3 / 2))
		for _, one := range resume {
			one()
		}
	},
	"server restarted": func(c *chaos, _ *contestant) {
		c.server.restart(c.t)
		target := c.server.addr()
		for _, one := range c.each {
			one.network.target.Store(&target)
		}
	},
}

// Whatever happens, nobody executes while another one does, as each holder's own
// deadline has it.
func TestChaos(t *testing.T) {
	for n := range groups {
		t.Run(fmt.Sprint("group ", n), func(t *testing.T) {
			t.Parallel() // it waits more than it works
			startChaos(t, uint64(n), "").play((*chaosRounds + groups - 1) / groups)
		})
	}
}

// play plays rounds of faults, and judges what was executed.
func (c *chaos) play(rounds int) {
	var deck []string // each fault once, in another order each time
	for range rounds {
		if len(deck) == 0 {
			deck = slices.Sorted(maps.Keys(faults))
			c.random.Shuffle(len(deck), func(i, j int) { deck[i], deck[j] = deck[j], deck[i] })
		}
		c.round(deck[0])
		deck = deck[1:]
	}
	executed := c.stop()
	assert.Empty(c.t, violations(executed))
	owners := map[uint64]bool{}
	for _, e := range executed {
		owners[e.token] = true
	}
	c.t.Logf("seed %d: %d rounds, %d executes by %d owners, faults: %v", *chaosSeed, rounds, len(executed), len(owners), c.faults)
}

// Contenders that believe in more than was confirmed are found, as soon as the fault
// meets the holder.
func TestChaosFindsMistakes(t *testing.T) {
	t.Parallel() // it waits more than it works
	for mistake, fault := range map[string]string{
		"deadline": "paused beyond the TTL",
		"renew":    "cut off beyond the TTL",
	} {
		c := startChaos(t, 0, mistake)
		for n := 1; len(violations(c.read())) == 0; n++ {
			require.LessOrEqual(t, n, 10, "the mistake about the %s was not found", mistake)
			c.round(fault)
		}
		c.stop()
	}
}

// startChaos starts the processes of a group.
func startChaos(t *testing.T, group uint64, mistake string) *chaos {
	c := &chaos{
		t:       t,
		random:  rand.New(rand.NewPCG(*chaosSeed, group)),
		server:  newServer(t, nil),
		witness: filepath.Join(t.TempDir(), "witness"),
		faults:  map[string]int{},
	}
	c.env = []string{witnessEnv + "=" + c.witness, breakEnv + "=" + mistake}
	require.NoError(t, os.WriteFile(c.witness, nil, 0o600))
	for range contenders {
		network := newProxy(t, c.server.addr())
		one := &contestant{network: network, url: fmt.Sprintf("etcd://%s/chaos?ttl=%s", network.addr(), chaosTTL)}
		c.each = append(c.each, one)
		c.start(one)
	}
	c.progress()
	return c
}

// round plays a fault, and waits until somebody executes again.
func (c *chaos) round(fault string) {
	faults[fault](c, c.victim())
	c.faults[fault]++
	c.progress()
}

// stop kills the processes, and returns what they have executed.
func (c *chaos) stop() []execution {
	for _, one := range c.each {
		one.kill()
	}
	return c.read()
}

func (c *chaos) start(one *contestant) {
	one.process = startProcess(c.t, append(c.env, contenderEnv+"="+one.url)...)
}

func (c *chaos) signal(one *contestant, s syscall.Signal) {
	require.NoError(c.t, one.cmd.Process.Signal(s))
}

// pass lets real time pass: the lease of a real server is as long as that.
func (c *chaos) pass(d time.Duration) { <-time.After(d) }

func (c *chaos) upTo(d time.Duration) time.Duration {
	return time.Duration(c.random.Int64N(int64(d)))
}

// victim is the holder, three times of four.
func (c *chaos) victim() *contestant {
	other := c.each[c.random.IntN(len(c.each))]
	if c.random.IntN(4) == 0 {
		return other
	}
	all := c.read()
	for _, one := range c.each {
		if one.cmd.Process.Pid == all[len(all)-1].pid {
			return one
		}
	}
	return other
}

// progress waits until somebody executes who began later than now.
func (c *chaos) progress() {
	now := clockwork.Real().Boot()
	require.Eventually(c.t, func() bool {
		all := c.read()
		return len(all) > 0 && all[len(all)-1].start > now
	}, time.Minute, 10*time.Millisecond, "nobody has the lock any more")
}

// execution is what a contender wrote down, by the machine's boot time.
type execution struct {
	pid                  int
	token                uint64
	start, end, deadline time.Duration
}

// read returns what was executed as yet, in the order in which it was written. A
// look may meet a line of which a half is there.
func (c *chaos) read() (all []execution) {
	text, err := os.ReadFile(c.witness)
	require.NoError(c.t, err)
	for line := range bytes.Lines(text[:bytes.LastIndexByte(text, '\n')+1]) {
		var e execution
		_, err := fmt.Sscan(string(line), &e.pid, &e.token, &e.start, &e.end, &e.deadline)
		require.NoError(c.t, err, "%q", line)
		all = append(all, e)
	}
	return all
}

// violations finds executions of two owners at once. Each is cut at its holder's
// deadline, at which a daemon ends it. It also finds tokens that do not grow.
func violations(all []execution) (found []string) {
	slices.SortFunc(all, func(a, b execution) int { return int(a.start - b.start) })
	var last execution
	for _, e := range all {
		e.end = min(e.end, e.deadline)
		switch {
		case e.token < last.token:
			found = append(found, fmt.Sprintf("token %d follows %d", e.token, last.token))
		case e.token > last.token && e.start < last.end:
			found = append(found, fmt.Sprintf("%+v and %+v at once", last, e))
		}
		if e.end > last.end {
			last = e
		}
	}
	return found
}

func TestViolations(t *testing.T) {
	one := execution{1, 7, 10, 20, 30}
	for name, c := range map[string]struct {
		all  []execution
		want string
	}{
		"one after the other":        {[]execution{one, {1, 7, 20, 30, 40}, {2, 9, 31, 40, 50}}, ""},
		"after the deadline":         {[]execution{{1, 7, 10, 99, 30}, {2, 9, 30, 40, 50}}, ""},
		"two at once":                {[]execution{one, {2, 9, 15, 25, 50}}, "at once"},
		"two at once, the other way": {[]execution{{2, 7, 15, 25, 50}, {1, 9, 20, 25, 50}, one}, "at once"},
		"one within another":         {[]execution{{1, 7, 10, 40, 50}, {1, 7, 12, 13, 50}, {2, 9, 35, 36, 50}}, "at once"},
		"an older token":             {[]execution{one, {2, 6, 31, 40, 50}}, "token 6 follows 7"},
	} {
		got := strings.Join(violations(c.all), "; ")
		if c.want == "" {
			assert.Empty(t, got, name)
		}
		assert.Contains(t, got, c.want, name)
	}
}
