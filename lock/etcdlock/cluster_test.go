package etcdlock_test

import (
	"context"
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/server/v3/embed"

	"github.com/evertick/evertick/lock"
	"github.com/evertick/evertick/lock/etcdlock"
)

// member is one of three servers, behind networks at addresses that stay.
type member struct {
	dir           string
	peers, client *proxy
	change        func(*embed.Config)
	*server
}

// startCluster starts three members, which end with the test.
func startCluster(t *testing.T) []*member {
	members := make([]*member, 3)
	initial := ""
	for i := range members {
		members[i] = &member{dir: t.TempDir(), peers: newProxy(t, ""), client: newProxy(t, "")}
		initial += fmt.Sprintf(",m%d=http://%s", i, members[i].peers.addr())
	}
	for i, m := range members {
		m.change = func(c *embed.Config) {
			c.Name, c.InitialCluster = fmt.Sprint("m", i), initial[1:]
			c.AdvertisePeerUrls = []url.URL{{Scheme: "http", Host: m.peers.addr()}}
		}
		m.launch(t)
	}
	for _, m := range members {
		require.NoError(t, m.ready())
		t.Cleanup(func() { m.etcd.Close() })
	}
	return members
}

func (m *member) launch(t *testing.T) {
	s, err := launchServer(m.dir, m.change)
	require.NoError(t, err)
	m.server = s
	for network, target := range map[*proxy]string{m.peers: s.etcd.Peers[0].Addr().String(), m.client: s.addr()} {
		network.target.Store(&target)
	}
}

// leaderFirst puts the leader before the others.
func leaderFirst(t *testing.T, members []*member) {
	t.Helper()
	require.Eventually(t, func() bool {
		for i, m := range members {
			if m.etcd.Server.Leader() == m.etcd.Server.MemberID() {
				members[0], members[i] = members[i], members[0]
				return true
			}
		}
		return false
	}, time.Minute, 10*time.Millisecond, "there is no leader")
}

// renewSoon renews a lease that must not be lost.
func renewSoon(t *testing.T, lease lock.Lease) {
	t.Helper()
	for ctx := within(t); ; {
		attempt, cancel := context.WithTimeout(ctx, 2*time.Second)
		err := lease.Renew(attempt)
		cancel()
		if err == nil {
			return
		}
		open(t, err)
		require.NoError(t, ctx.Err(), "%v", err)
		<-time.After(20 * time.Millisecond)
	}
}

// A cluster that loses its leader keeps the lock for its holder; one without a
// majority answers nobody, and loses nothing.
func TestCluster(t *testing.T) {
	members := startCluster(t)
	var endpoints []string
	for _, m := range members {
		endpoints = append(endpoints, m.client.addr())
	}
	declare := func() *etcdlock.Lock { return etcdlock.New(endpoints, "x", etcdlock.TTL(10*time.Minute)) }
	lease := mustTake(t, declare())

	leaderFirst(t, members)
	members[0].etcd.Close()
	renewSoon(t, lease)
	_, err := declare().Acquire(within(t), bob)
	require.ErrorIs(t, err, lock.ErrHeld)

	leaderFirst(t, members[1:])
	members[1].etcd.Close()
	brief, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	err = lease.Renew(brief)
	require.Error(t, err)
	open(t, err)
	_, err = declare().Acquire(brief, bob)
	require.Error(t, err)
	open(t, err)

	for _, m := range members[:2] {
		m.launch(t)
	}
	for _, m := range members {
		require.NoError(t, m.ready())
	}
	renewSoon(t, lease)
	_, err = declare().Acquire(within(t), bob)
	require.ErrorIs(t, err, lock.ErrHeld)
	release(t, lease)
	next := mustTake(t, declare())
	assert.Greater(t, next.Token(), lease.Token())
}
