package world

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/evertick/evertick/forker/pidfile"
)

// Replies is who waits for a reply on a machine. It is safe for concurrent use.
type Replies struct {
	files *Files

	mu    sync.Mutex // held for instants only
	waits []*reply
}

func newReplies(files *Files) *Replies { return &Replies{files: files} }

// replies is the replies as a generation gives and awaits them.
type replies struct {
	g     *Generation
	store *Replies
}

var _ pidfile.Replies = replies{}

// reply is one that is awaited.
type reply struct {
	by     replies
	path   string
	daemon int
	text   chan string
}

// maxReplies is how many replies wait to be read.
const maxReplies = 64

func (r replies) Listen(path string, daemon int) (pidfile.Reply, error) {
	path = r.store.files.real(path)
	r.store.mu.Lock()
	defer r.store.mu.Unlock()
	awaited := &reply{r, path, daemon, make(chan string, maxReplies)}
	r.store.waits = append(r.store.waits, awaited)
	return awaited, nil
}

func (r replies) Give(path, text string) {
	if !r.g.alive() {
		return
	}
	path = r.store.files.real(path)
	r.store.mu.Lock()
	defer r.store.mu.Unlock()
	for _, awaited := range r.store.waits {
		if awaited.path != path || awaited.daemon != r.g.process.pid || !awaited.by.g.alive() {
			continue
		}
		select {
		case awaited.text <- text:
		default:
		}
	}
}

func (r *reply) Wait(ctx context.Context) (string, error) {
	select {
	case text := <-r.text:
		r.by.g.arrive()
		return text, nil
	case <-ctx.Done():
		return "", fmt.Errorf("PID file: no reply at %s.reply: %w", r.path, context.Cause(ctx))
	case <-r.by.g.gone:
		return "", r.by.g.freeze()
	}
}

func (r *reply) Close() error {
	s := r.by.store
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waits = slices.DeleteFunc(s.waits, func(other *reply) bool { return other == r })
	return nil
}
