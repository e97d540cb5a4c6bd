package etcdlock

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/evertick/evertick/lock"
)

// failed says what was tried, on what, and what happened, in one line.
func (l *Lock) failed(what string, err error) error {
	return fmt.Errorf("lock: %s %s: %w", what, l, err)
}

// failedUnlessHeld leaves a *HeldError as it is.
func (l *Lock) failedUnlessHeld(ctx context.Context, what string, err error) error {
	var held *lock.HeldError
	if errors.As(err, &held) {
		return held
	}
	return l.failed(what, l.explain(ctx, err))
}

// explain makes one line of an error of an operation with that context, and says
// what to do where the server does not.
func (l *Lock) explain(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, lock.ErrLost), l.problem != nil: // no server was asked
		return err
	case ctx.Err() != nil:
		return lock.Unreachable(fmt.Errorf("no server has answered in time: %w", context.Cause(ctx)))
	case errors.Is(err, rpctypes.ErrAuthFailed):
		return errors.New("the server refuses the user and the password: see Login")
	case errors.Is(err, rpctypes.ErrUserEmpty):
		return errors.New("the server wants a user and a password: see Login")
	case errors.Is(err, rpctypes.ErrPermissionDenied):
		return fmt.Errorf("the user has no permission for the key %q: grant it to read and write", l.key)
	}
	if status.Code(err) == codes.Unavailable {
		return lock.Unreachable(oneLine(err))
	}
	return oneLine(err)
}

// broken tells whether the connection is at fault, or the login that it was made with.
func broken(err error) bool {
	return status.Code(err) == codes.Unavailable || errors.Is(err, rpctypes.ErrInvalidAuthToken) ||
		errors.Is(err, rpctypes.ErrAuthOldRevision)
}

// oneLine drops what gRPC puts around a message, and joins the lines.
func oneLine(err error) error {
	text := err.Error()
	if s, ok := status.FromError(err); ok {
		text = s.Message()
	}
	if quoted, found := strings.CutPrefix(text, "connection error: desc = "); found {
		if inner, err := strconv.Unquote(quoted); err == nil {
			text = strings.TrimPrefix(inner, "transport: ")
		}
	}
	text = strings.ReplaceAll(text, "\n", "; ")
	return &flat{text: strings.Join(strings.Fields(text), " "), cause: err}
}

// flat is an error in one line.
type flat struct {
	text  string
	cause error
}

func (f *flat) Error() string { return f.text }
func (f *flat) Unwrap() error { return f.cause }
