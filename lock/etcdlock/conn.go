package etcdlock

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"

	"github.com/evertick/evertick/clockwork"
)

// conn is a connection to the cluster.
type conn struct {
	*clientv3.Client
	cancel context.CancelFunc
}

// dial makes a connection. Only the login, if there is one, speaks to a server as
// yet.
func (l *Lock) dial(ctx context.Context) (*conn, error) {
	if l.problem != nil {
		return nil, l.problem
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	ticket := &ticket{}
	base, cancel := context.WithCancel(context.Background())
	client, err := clientv3.New(l.config(base, ticket))
	if err != nil {
		cancel()
		return nil, err
	}
	c := &conn{client, cancel}
	if l.login == nil {
		return c, nil
	}
	user, password := l.login()
	answer, err := c.Authenticate(ctx, user, password)
	switch {
	case err == nil:
		ticket.token.Store(&answer.Token)
	case !errors.Is(err, rpctypes.ErrAuthNotEnabled):
		c.close()
		return nil, err
	}
	return c, nil
}

// ticket is what a login is answered with, and what each further request shows. The
// client of etcd has the same, but logs in again for each stream, and so for each
// keep-alive, which costs a server about 100 ms of its processor.
type ticket struct {
	token atomic.Pointer[string] // nil: without
}

// GetRequestMetadata returns the header that etcd looks for.
func (t *ticket) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	token := t.token.Load()
	if token == nil {
		return nil, nil
	}
	return map[string]string{rpctypes.TokenFieldNameGRPC: *token}, nil
}

// RequireTransportSecurity returns false: whether the connection is encrypted is
// declared by TLS.
func (*ticket) RequireTransportSecurity() bool { return false }

// config bounds what the client does by itself.
func (l *Lock) config(ctx context.Context, ticket *ticket) clientv3.Config {
	scheme := "http://"
	if l.tls != nil {
		scheme = "https://"
	}
	endpoints := make([]string, len(l.endpoints))
	for i, e := range l.endpoints {
		endpoints[i] = scheme + e
	}
	return clientv3.Config{
		Endpoints: endpoints,
		TLS:       l.tls,
		Context:   ctx,
		Logger:    zap.NewNop(), // what matters is in the errors
		// A question is put to each server once. More would only hide an outage.
		MaxUnaryRetries: uint(1 + len(endpoints)),
		// What gRPC and etcd allow at least. A server that is gone without a word
		// is also noticed by each operation's own time-out.
		DialKeepAliveTime:    10 * time.Second,
		DialKeepAliveTimeout: l.ttl,
		DialOptions: []grpc.DialOption{
			grpc.WithPerRPCCredentials(ticket),
			grpc.WithChainUnaryInterceptor(failFast),
			grpc.WithConnectParams(grpc.ConnectParams{
				Backoff: backoff.Config{
					BaseDelay: l.ttl / 100, Multiplier: 2, Jitter: 0.2, MaxDelay: l.ttl / 10,
				},
				MinConnectTimeout: 2 * l.ttl, // an operation ends before it
			}),
		},
	}
}

// failFast makes an outage an error instead of a wait: the client of etcd waits for a
// server as long as its context lasts, and then does not tell why.
func failFast(
	ctx context.Context, method string, request, reply any, c *grpc.ClientConn, invoke grpc.UnaryInvoker, options ...grpc.CallOption,
) error {
	return invoke(ctx, method, request, reply, c, append(options, grpc.WaitForReady(false))...)
}

func (c *conn) close() {
	_ = c.Client.Close()
	c.cancel()
}

// bound returns the context of an operation, which ends with the caller's and at the
// latest after a TTL: an answer that comes later is worth nothing.
func (l *Lock) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	return clockwork.WithTimeout(ctx, l.clock, l.ttl)
}
