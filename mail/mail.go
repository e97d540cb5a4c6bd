package mail

import (
	"context"
	"time"
)

// Message is one mail, before it is put on the wire.
type Message struct {
	// From is the sender's address. Empty means the transport's own default.
	From string

	// To are the recipients' addresses; at least one.
	To []string

	// ID is the Message-ID, without brackets. Two mails with one ID are the same
	// mail. Empty leaves it to the transport; so does what is no ID.
	ID string

	// References are the IDs of earlier mails of the same thread, the oldest
	// first.
	References []string

	// Alerts is how many alerts the mail tells of; zero means one.
	Alerts int

	// Subject is one line. Control characters in it are replaced by spaces
	// before it is sent.
	Subject string

	// Body is plain UTF-8 text.
	Body string

	// Time is the wall-clock time of what the mail tells; the zero value
	// leaves the Date header to the transport.
	Time time.Time
}

// Sender delivers mail. It is safe for concurrent use.
type Sender interface {
	// Check tells whether the sender is usable as declared, without sending
	// anything or connecting anywhere.
	Check() error

	// Send delivers m, or says why it could not. It returns when the next hop
	// has taken responsibility for the mail, or when ctx is done. It neither
	// changes m nor keeps its slices.
	//
	// Where the server took the mail for some recipients only, the error is a
	// *RefusedError. Temporary tells whether another try may help.
	Send(ctx context.Context, m Message) error

	// String names the transport without secrets, in one line.
	String() string
}
