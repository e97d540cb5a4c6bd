package etcdlock_test

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"

	"github.com/evertick/evertick/lock"
	"github.com/evertick/evertick/lock/etcdlock"
)

// oneLife takes a lock, renews, hands over, inherits and releases it.
func oneLife(t *testing.T, l lock.Locker) {
	t.Helper()
	ctx := within(t)
	lease, err := l.Acquire(ctx, ann)
	require.NoError(t, err)
	require.NoError(t, lease.Renew(ctx))
	_, err = l.Acquire(ctx, bob)
	var held *lock.HeldError
	require.ErrorAs(t, err, &held)
	assert.Equal(t, "ann", held.Holder.Name)
	assert.Positive(t, held.TTL)
	handoff, err := lease.Handoff()
	require.NoError(t, err)
	next, err := l.Inherit(ctx, ann, handoff.Value)
	require.NoError(t, err)
	released := make(chan error, 1)
	go func() { released <- l.(lock.Waiter).Wait(ctx) }()
	require.NoError(t, next.Renew(ctx))
	require.NoError(t, next.Release(ctx))
	require.NoError(t, receive(t, released))
}

func TestTLS(t *testing.T) {
	server := newServer(t, func(c *embed.Config) {
		c.ListenClientUrls[0].Scheme, c.AdvertiseClientUrls[0].Scheme = "https", "https"
		c.ClientAutoTLS, c.SelfSignedCertValidity = true, 1
	})
	certificate, err := os.ReadFile(filepath.Join(server.dir, "fixtures", "client", "cert.pem"))
	require.NoError(t, err)
	known := x509.NewCertPool()
	require.True(t, known.AppendCertsFromPEM(certificate))
	h := []string{server.addr()}

	oneLife(t, etcdlock.New(h, "x", etcdlock.TLS(&tls.Config{RootCAs: known})))
	refuses(t, etcdlock.New(h, "x", etcdlock.TTL(2*time.Second), etcdlock.TLS(&tls.Config{RootCAs: x509.NewCertPool()})),
		"certificate signed by unknown authority")
	refuses(t, etcdlock.New(h, "x", etcdlock.TTL(2*time.Second)), "server preface", "connection reset", "broken pipe", "EOF")
	clear := shared.start(t)
	refuses(t, etcdlock.New([]string{clear.addr()}, "x", etcdlock.TTL(2*time.Second), etcdlock.TLS(&tls.Config{RootCAs: known})),
		"authentication handshake failed")
}

func TestLogin(t *testing.T) {
	server := newServer(t, func(c *embed.Config) { c.BcryptCost = 4 })
	root := admin(t, server)
	ctx := within(t)
	for _, user := range []string{"root", "daemon", "guest"} {
		_, err := root.RoleAdd(ctx, user)
		require.NoError(t, err)
		_, err = root.UserAdd(ctx, user, "secret of "+user)
		require.NoError(t, err)
		_, err = root.UserGrantRole(ctx, user, user)
		require.NoError(t, err)
	}
	_, err := root.RoleGrantPermission(ctx, "daemon", "x", "", clientv3.PermissionType(clientv3.PermReadWrite))
	require.NoError(t, err)
	_, err = root.AuthEnable(ctx)
	require.NoError(t, err)

	h, ttl := []string{server.addr()}, etcdlock.TTL(2*time.Second)
	oneLife(t, etcdlock.New(h, "x", etcdlock.Login("daemon", "secret of daemon")))
	refuses(t, etcdlock.New(h, "x", ttl, etcdlock.Login("daemon", "secret, but a wrong one")), "refuses the user and the password")
	_, err = etcdlock.New(h, "x", ttl, etcdlock.Login("daemon", "secret, but a wrong one")).Acquire(ctx, ann)
	require.NotErrorIs(t, err, lock.ErrUnreachable, "a standby is not to wait for the password to become right")
	refuses(t, etcdlock.New(h, "x", ttl, etcdlock.Login("nobody", "secret of daemon")), "refuses the user and the password")
	refuses(t, etcdlock.New(h, "x", ttl), "wants a user and a password")
	refuses(t, etcdlock.New(h, "x", ttl, etcdlock.Login("guest", "secret of guest")), `no permission for the key "x"`)

	// A login that the server has ended is repeated.
	l := etcdlock.New(h, "x", etcdlock.Login("daemon", "secret of daemon"))
	lease, err := l.Acquire(ctx, ann)
	require.NoError(t, err)
	root = clientOf(t, clientv3.Config{Endpoints: h, Username: "root", Password: "secret of root"})
	for range 2 {
		_, err = root.UserChangePassword(ctx, "daemon", "secret of daemon")
		require.NoError(t, err)
		require.NoError(t, lease.Renew(ctx))
	}
	require.NoError(t, lease.Release(ctx))

	// Where nobody asks for a login, it does no harm.
	open := shared.start(t)
	oneLife(t, etcdlock.New([]string{open.addr()}, shared.key(), etcdlock.Login("daemon", "secret")))
}
