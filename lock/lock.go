package lock

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/evertick/evertick/clockwork"
)

// Owner says who asks for a lock. It is kept beside the lock for people to
// read.
type Owner struct {
	// Name is the daemon's name.
	Name string `json:"name"`

	// PID is the process that asks.
	PID int `json:"pid"`

	// Host is the machine that the process runs on.
	Host string `json:"host"`

	// Since is the wall-clock time at which the owner asked; the zero value
	// when it is not known.
	Since time.Time `json:"since"`

	// Start identifies the process among all that had its PID on that host, in
	// a form of the host's own; empty when it is not known.
	Start string `json:"start,omitempty"`

	// Command is the command line, for people to read, of at most 1 KiB; empty
	// when it is not known.
	Command string `json:"command,omitempty"`
}

// Locker is a single-instance lock as it is declared: it says where the lock
// is, and holds nothing yet. It is safe for concurrent use.
type Locker interface {
	// Check returns an error when the lock cannot be used from here, as far as
	// that shows without touching anything. A held lock is no error.
	// errors.Is(err, ErrUnreachable) matches where that may end by itself.
	Check() error

	// Acquire takes the lock in one atomic step and never waits for its
	// holder: a held lock is a *HeldError, which errors.Is(err, ErrHeld)
	// matches. errors.Is(err, ErrUnreachable) matches where nobody answered.
	Acquire(ctx context.Context, who Owner) (Lease, error)

	// Inherit takes over the lease that this process's previous program handed
	// over (see Lease.Handoff). The lock has not been free in between.
	Inherit(ctx context.Context, who Owner, handoff string) (Lease, error)

	// String returns the lock's URL without secrets, such as file:/run/x.lock.
	// Parse of it yields an equal lock.
	String() string
}

// Waiter is a Locker that knows when it is worth asking again.
type Waiter interface {
	// Wait returns nil when the lock may be free, and at the latest after a
	// pause that is scaled to the lock's TTL, so that a release that it does not
	// see costs one such pause. Otherwise it returns the context's cause, or
	// the reason why it cannot wait: then the caller pauses by itself. It takes
	// nothing. Many may wait for one lock; they should not ask again at one and
	// the same instant.
	Wait(ctx context.Context) error
}

// Looker is a Locker that can tell who holds the lock without asking for it.
type Looker interface {
	// Look returns a *HeldError that says who holds the lock, or nil when nobody
	// does. Any other error says why that cannot be told;
	// errors.Is(err, errors.ErrUnsupported) matches when it never can. It takes
	// nothing.
	Look(ctx context.Context) error
}

// Binder is a Locker that depends on where it is used.
type Binder interface {
	// Bind returns the same lock with a relative path resolved against dir (an
	// absolute one stays as it is), and with the clock that it waits by. A nil
	// clock is the real one.
	Bind(dir string, clock clockwork.Clock) Locker
}

// IntervalBinder is a Locker whose TTL follows the interval of the daemon that
// declares it.
type IntervalBinder interface {
	// BindInterval returns the same lock for a loop of that interval; 0 is a loop
	// without one. A TTL that was declared stays as it is.
	BindInterval(interval time.Duration) Locker
}

// Lease is a lock that is held. It is safe for concurrent use.
type Lease interface {
	// Token returns a number that grows with each new owner of the lock. Hand it to whatever the
	// lock protects, so that a late write of a former owner can be refused.
	// 0 means that this kind of lock has no tokens.
	Token() uint64

	// TTL returns how long the lease lives on after it was last confirmed. 0 means
	// that it does not end by time: the kernel frees it when its holder dies.
	TTL() time.Duration

	// Renew confirms the lease for a further TTL, or, where there is no TTL,
	// makes sure that it is still held. errors.Is(err, ErrLost) matches when
	// it is certainly lost; any other error says only that this attempt
	// failed.
	Renew(ctx context.Context) error

	// Handoff prepares the lease for the next program of this same process.
	// The lease stays held and usable, should that never come.
	Handoff() (Handoff, error)

	// Release gives the lock back, if it is still held. A second Release does
	// nothing.
	Release(ctx context.Context) error
}

// Handoff is what passes a lease to the next program of the same process.
type Handoff struct {
	// Value is what the next program gives to Locker.Inherit.
	Value string

	// File must stay open across exec, under the same descriptor; nil where
	// there is none.
	File *os.File
}

var (
	// ErrHeld says that another owner holds the lock.
	ErrHeld = errors.New("lock is held")

	// ErrLost says that a lease is no longer its holder's: it was released, has
	// expired, or was taken away.
	ErrLost = errors.New("lease is lost")

	// ErrUnreachable says that what keeps the lock does not answer, such as a
	// server that is down: a standby waits for it.
	ErrUnreachable = errors.New("lock is out of reach")
)

// Unreachable returns err as an error that errors.Is(err, ErrUnreachable) matches,
// with the same text; nil for nil.
func Unreachable(err error) error {
	if err == nil {
		return nil
	}
	return unreachable{err}
}

type unreachable struct{ error }

func (u unreachable) Unwrap() error      { return u.error }
func (unreachable) Is(target error) bool { return target == ErrUnreachable }

// HeldError says who holds the lock. errors.Is(err, ErrHeld) matches it.
type HeldError struct {
	// Lock is the lock's URL.
	Lock string

	// Holder is the owner as it left its details; the zero value when they
	// could not be read.
	Holder Owner

	// TTL is how long at most the lease lives on unless it is renewed. 0 means
	// that it does not end by time, because the kernel frees it when its holder
	// dies, or that this is not known.
	TTL time.Duration
}

// Error names the lock, and its holder as far as it is known.
func (e *HeldError) Error() string {
	if e.Holder.PID == 0 {
		return fmt.Sprintf("lock %s is held; its owner has left no details", e.Lock)
	}
	text := fmt.Sprintf("lock %s is held by %s, PID %d on %s", e.Lock, e.Holder.Name, e.Holder.PID, e.Holder.Host)
	if !e.Holder.Since.IsZero() {
		text += ", since " + e.Holder.Since.Format(time.DateTime)
	}
	return text
}

// Is makes errors.Is(err, ErrHeld) true.
func (e *HeldError) Is(target error) bool { return target == ErrHeld }
