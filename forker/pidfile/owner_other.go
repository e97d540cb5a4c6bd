//go:build !linux

package pidfile

// asOwner runs f: a thread has no user of its own here, so root gets no
// reply of a daemon of another user.
func asOwner(_ string, f func() error) error { return f() }
