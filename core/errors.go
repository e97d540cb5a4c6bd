package core

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
)

// PanicError is a panic that was caught, with the stack where it happened.
type PanicError struct {
	// Value is what panic was called with.
	Value any

	// Stack is the goroutine's stack, as debug.Stack prints it.
	Stack []byte
}

// Error returns the panic's value in words.
func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// Unwrap returns the panic's value, if it was an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// fatalError is what Daemon.Fatalf panics with to leave Execute.
type fatalError struct{ err error }

// errGoexit says why a job has not returned. It is a mistake that is often made
// with t.FailNow or t.Fatal, which may be called by a test's own goroutine only.
var errGoexit = errors.New("runtime.Goexit was called, which ends the goroutine that it is called in")

// catch makes an error of a panic. It is to be deferred.
func catch(err *error) {
	switch v := recover().(type) {
	case nil:
	case fatalError:
		*err = v.err
	default:
		*err = &PanicError{Value: v, Stack: debug.Stack()}
	}
}

// catchFatal makes an error of what Daemon.Fatalf panics with, and lets every
// other panic go on. It is to be deferred.
func catchFatal(err *error) {
	switch v := recover().(type) {
	case nil:
	case fatalError:
		*err = v.err
	default:
		panic(v)
	}
}

// recovered runs f and makes an error of a panic.
func recovered(f func() error) (err error) {
	defer catch(&err)
	return f()
}

// describe returns an error in words, a panic with its stack.
func describe(err error) string {
	var p *PanicError
	if errors.As(err, &p) {
		return err.Error() + "\n" + strings.TrimSpace(string(p.Stack))
	}
	return err.Error()
}

// stacks returns what all goroutines are doing.
func stacks() string {
	buf := make([]byte, 64<<10)
	for {
		n := runtime.Stack(buf, true)
		if n < len(buf) || len(buf) >= 4<<20 {
			return string(buf[:n])
		}
		buf = make([]byte, 2*len(buf))
	}
}
