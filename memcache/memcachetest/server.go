package memcachetest

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/evertick/evertick/clockwork"
)

// Server is a memcached in memory: clients reach it by its Dial, and speak
// memcached's text protocol with it. It fails on demand. It has the whole seconds
// of a real one, and its ids of writes begin at 1 again when it restarts.
//
// Its connections are pipes, so that it plays in a synctest bubble: make it there,
// and Close it there. It is safe for concurrent use.
type Server struct {
	// Fault, where set, is asked before each command what becomes of it. It
	// must be set before the first one, and must not block.
	Fault func(c Command) Fault

	clock  clockwork.Clock
	closed context.Context // ends with Close
	close  context.CancelFunc

	mu    sync.Mutex // held for instants only
	items map[string]*entry
	cas   uint64
	conns map[net.Conn]bool
	down  bool
	stall chan struct{} // closed when it goes on; nil: it does
	lag   time.Duration // of its clock
}

// entry is an item that is there.
type entry struct {
	value []byte
	flags uint32
	cas   uint64
	ends  int64 // in seconds of the server's clock; 0 for never
}

// Command is what a client has sent.
type Command struct {
	// Verb is the command, such as "gets".
	Verb string

	// Key is its first key.
	Key string
}

// Fault is what goes wrong with a command. The zero value is nothing.
type Fault struct {
	// Takes is how long the command is on its way.
	Takes time.Duration

	// Loses closes the connection instead of carrying the command out.
	Loses bool

	// LosesAnswer carries the command out, and closes the connection instead of
	// answering.
	LosesAnswer bool

	// Hangs carries the command out or not, as LosesAnswer says, and never
	// answers.
	Hangs bool

	// Says is the answer instead of that to the command, which is not carried out.
	Says string
}

// NewServer returns an empty server that lives by that clock, nil for the real
// one.
func NewServer(clock clockwork.Clock) *Server {
	if clock == nil {
		clock = clockwork.Real()
	}
	s := &Server{clock: clock, items: map[string]*entry{}, conns: map[net.Conn]bool{}}
	s.closed, s.close = context.WithCancel(context.Background())
	return s
}

// errRefused is what a client gets that dials a server that is down.
var errRefused = errors.New("connection refused")

// Dial connects to the server, whatever the address. It is an Options.Dial.
func (s *Server) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		return nil, &net.OpError{Op: "dial", Net: network, Err: errRefused}
	}
	client, server := net.Pipe()
	s.conns[server] = true
	go s.serve(server)
	return client, nil
}

// Serve speaks with the client at the other end of a connection, until either of
// them closes it. It is what a daemontest.Network needs: network.HandleConn("cache",
// server.Serve).
func (s *Server) Serve(c net.Conn) {
	s.mu.Lock()
	s.conns[c] = true
	if s.down {
		c.Close()
	}
	s.mu.Unlock()
	s.serve(c)
}

// Restart does what a restart does: everything is gone, all connections are
// closed, and the ids of writes begin at 1 again.
func (s *Server) Restart() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.items, s.cas = map[string]*entry{}, 0
	s.cut()
}

// SetDown makes the server refuse connections and close those that are open, or
// accept them again.
func (s *Server) SetDown(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = down
	if down {
		s.cut()
	}
}

// Stall makes the server read commands and do nothing, until resume is called.
// Then it carries them out, even those whose client has given up meanwhile.
func (s *Server) Stall() (resume func()) {
	stall := make(chan struct{})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stall = stall
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.stall = nil
		close(stall)
	}
}

// goesOn waits while the server is stalled. False: it was closed.
func (s *Server) goesOn() bool {
	s.mu.Lock()
	stall := s.stall
	s.mu.Unlock()
	if stall != nil {
		select {
		case <-stall:
		case <-s.closed.Done():
		}
	}
	return s.closed.Err() == nil
}

// Cut closes all connections.
func (s *Server) Cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cut()
}

func (s *Server) cut() {
	for c := range s.conns {
		c.Close()
	}
}

// Close closes all connections and accepts no more, for good.
func (s *Server) Close() {
	s.close()
	s.SetDown(true)
}

// Flush drops all items, as flush_all does.
func (s *Server) Flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.items = map[string]*entry{}
}

// Evict drops an item, as a server does that needs the memory.
func (s *Server) Evict(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.items, key)
}

// Set stores a value as a client would, whatever goes wrong with those.
func (s *Server) Set(key, value string, ttl time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put(key, []byte(value), 0, s.ends(int64(ttl/time.Second)))
}

// Keys returns the sorted keys of the items that are there.
func (s *Server) Keys() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var keys []string
	for key := range s.items {
		if s.lookup(key) != nil {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// SetLag makes the server's clock be behind by so much, as that of a server that
// has just been stopped and goes on. Less than a second only moves the instants at
// which it ticks.
func (s *Server) SetLag(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lag = d
}

// seconds is the server's clock. It begins at 2, because 0 means never and a
// real one begins so, too. The mutex is held.
func (s *Server) seconds() int64 {
	return 2 + int64((s.clock.Boot()-s.lag)/time.Second)
}

// ends returns when an item of that TTL ends. The mutex is held.
func (s *Server) ends(ttl int64) int64 {
	const month = 30 * 24 * 60 * 60
	switch {
	case ttl == 0:
		return 0
	case ttl < 0:
		return 1
	case ttl > month:
		return max(s.seconds()+ttl-s.clock.Wall().Unix(), 1)
	}
	return s.seconds() + ttl
}

// lookup returns an item, or nil. The mutex is held.
func (s *Server) lookup(key string) *entry {
	e := s.items[key]
	if e != nil && e.ends != 0 && e.ends <= s.seconds() {
		delete(s.items, key)
		return nil
	}
	return e
}

// put stores a value. The mutex is held.
func (s *Server) put(key string, value []byte, flags uint32, ends int64) {
	s.cas++
	s.items[key] = &entry{value: value, flags: flags, cas: s.cas, ends: ends}
}
