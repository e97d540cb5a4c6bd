package network

import "time"

// Side is an end of a connection.
type Side int

// The sides of a connection: the one that dialled, and the host.
const (
	Client Side = iota
	Server
)

// Faults is what is wrong with a host. The zero value is a host that is well.
type Faults struct {
	// Takes is how much longer everything that the host sends is under way.
	Takes time.Duration

	// Bandwidth is how many bytes a second arrive from the host, on each
	// connection. Zero means no limit.
	Bandwidth int

	// Unknown says that the name does not resolve.
	Unknown bool

	// Refuses says that nothing listens, as when a server has ended: connections
	// that are open are reset, new ones refused.
	Refuses bool

	// Hangs says that the host accepts connections, and nothing else: it
	// neither reads nor sends.
	Hangs bool

	met int64 // how often the host was asked for, or sent something
}
