package world

import (
	"context"
	"fmt"
	"sync"

	"github.com/evertick/evertick/forker/pidfile"
)

// Replies is who waits for a reply on a machine. It is safe for concurrent use.
type Replies struct {
	files *Files

	mu    sync.Mutex // held for instants only
	waits map[string]*reply
}

func newReplies(files *Files) *Replies { return &Replies{files: files, waits: map[string]*reply{}} }

// replies is the replies as a generation gives and awaits them.
type replies struct {
	g     *Generation
	store *Replies
}

var _ pidfile.Replies = replies{}

// reply is one that is awaited.
type reply struct {
	by   replies
	path string
	text chan string
}

func (r replies) Listen(path string) (pidfile.Reply, error) {
	path = r.store.files.real(path)
	r.store.mu.Lock()
	defer r.store.mu.Unlock()
	if other := r.store.waits[path]; other != nil && other.by.g.alive() {
		return nil, fmt.Errorf("pidfile: wait for a reply at %s: PID %d waits for one already", path, other.by.g.process.pid)
	}
	r.store.waits[path] = &reply{r, path, make(chan string, 1)}
	return r.store.waits[path], nil
}

func (r replies) Give(path, text string) {
	if !r.g.alive() {
		return
	}
	r.store.mu.Lock()
	defer r.store.mu.Unlock()
	if awaited := r.store.waits[r.store.files.real(path)]; awaited != nil {
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
		return "", fmt.Errorf("pidfile: no reply at %s.reply: %w", r.path, context.Cause(ctx))
	case <-r.by.g.gone:
		return "", r.by.g.freeze()
	}
}

func (r *reply) Close() error {
	s := r.by.store
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waits[r.path] == r {
		delete(s.waits, r.path)
	}
	return nil
}
