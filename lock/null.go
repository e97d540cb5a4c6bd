package lock

import (
	"context"
	"time"
)

// Null returns the lock that everybody gets, for development: it keeps nobody
// out, and has no tokens. Its URL is null:.
func Null() Locker { return null{} }

type null struct{}

var (
	_ Locker = null{}
	_ Lease  = null{}
)

func (null) Check() error                                          { return nil }
func (null) Acquire(context.Context, Owner) (Lease, error)         { return null{}, nil }
func (null) Inherit(context.Context, Owner, string) (Lease, error) { return null{}, nil }
func (null) String() string                                        { return "null:" }
func (null) Token() uint64                                         { return 0 }
func (null) TTL() time.Duration                                    { return 0 }
func (null) Renew(context.Context) error                           { return nil }
func (null) Handoff() (Handoff, error)                             { return Handoff{}, nil }
func (null) Release(context.Context) error                         { return nil }
