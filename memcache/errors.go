package memcache

import (
	"errors"
	"fmt"
	"time"
)

var (
	// ErrMiss says that the server has no item of that key.
	ErrMiss = errors.New("there is no such item")

	// ErrNotStored says that Add found an item of that key, or Replace none.
	ErrNotStored = errors.New("the item is not stored")

	// ErrConflict says that the item may have changed since it was read: read it
	// again.
	ErrConflict = errors.New("the item has changed since it was read")

	// ErrAmbiguous says that the answer was lost, and that it cannot be found out
	// whether the command was carried out.
	ErrAmbiguous = errors.New("it is not known whether the command was carried out")

	// ErrKey says that memcached could not take the key or the namespace.
	ErrKey = errors.New("the key cannot be used")

	// ErrServer says that the server has refused the command, such as a value
	// that is too large for it.
	ErrServer = errors.New("the server refuses it")

	// ErrProtocol says that the answer is not one of memcached's.
	ErrProtocol = errors.New("what answers there is no memcached")
)

// Error says which command failed, on what, and why. Its cause is one of those
// above, that of the context, or a network error.
type Error struct {
	// Op is the command, such as "get".
	Op string

	// Key is the key as it was sent, with its namespace.
	Key string

	// Server is the address of the server that has the key; empty where none was
	// asked.
	Server string

	// Attempts is how often it was tried.
	Attempts int

	// Err is the cause.
	Err error
}

// Error names the command, the key and the server.
func (e *Error) Error() string {
	text := fmt.Sprintf("memcache: %s %q", e.Op, e.Key)
	if e.Server != "" {
		text += " at " + e.Server
	}
	if e.Attempts > 1 {
		text += fmt.Sprintf(" (%d attempts)", e.Attempts)
	}
	return text + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// failure is an attempt that ended without an answer.
type failure struct {
	lost bool // the command was sent, or a part of it
	old  bool // on a connection that had been used before
	err  error
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// silence says that no answer came while there was still time.
type silence time.Duration

func (s silence) Error() string {
	return fmt.Sprintf("no answer within %s: is that memcached, and is it reachable?", time.Duration(s))
}

// Timeout makes it a net.Error's time-out.
func (silence) Timeout() bool { return true }
