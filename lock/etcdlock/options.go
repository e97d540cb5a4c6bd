package etcdlock

import (
	"crypto/tls"
	"time"
)

// Option is a part of a lock's declaration, see New.
type Option func(*Lock)

// TTL is how long the lock outlives its holder's last sign of life. etcd counts
// whole seconds, and grants more than was asked for where it cannot keep it: a
// default server gives 2s for 1s. The lease says what was granted. Without this
// option it is DefaultTTL.
func TTL(ttl time.Duration) Option {
	return func(l *Lock) { l.ttl = ttl }
}

// TLS encrypts the connection, and with it tells each server from another: the
// configuration has the authority that has signed their certificates, and the
// client's own certificate where they want one. Without this option, or for nil,
// the connection is in the clear. The configuration must not change any more.
func TLS(config *tls.Config) Option {
	return func(l *Lock) { l.tls = config.Clone() }
}

// Login names the user whom etcd asks for, and the password. Neither is in the
// lock's URL, nor in an error. Where etcd asks for none they do no harm. Do not use
// it without TLS in a network that others can listen to.
func Login(user, password string) Option {
	return func(l *Lock) { l.login = func() (string, string) { return user, password } }
}
