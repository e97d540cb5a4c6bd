package daemontest

import (
	"context"
	"fmt"

	"github.com/evertick/evertick/forker"
)

// memAnswers is the fake forker.Answers.
type memAnswers struct{ i *image }

type answer struct {
	i    *image
	path string
	text chan string
}

func (a memAnswers) Listen(path string) (forker.Answer, error) {
	w := a.i.world
	path = w.clean(path)
	w.mu.Lock()
	defer w.mu.Unlock()
	if other := w.answers[path]; other != nil && other.i.alive() {
		return nil, fmt.Errorf("forker: wait for an answer at %s: PID %d waits for one already", path, other.i.pid)
	}
	w.answers[path] = &answer{a.i, path, make(chan string, 1)}
	return w.answers[path], nil
}

func (a memAnswers) Give(path, text string) {
	if !a.i.alive() {
		return
	}
	w := a.i.world
	w.mu.Lock()
	defer w.mu.Unlock()
	if waits := w.answers[w.clean(path)]; waits != nil {
		select {
		case waits.text <- text:
		default:
		}
	}
}

func (a *answer) Wait(ctx context.Context) (string, error) {
	select {
	case text := <-a.text:
		a.i.world.cross(a.i.block, laneArrival)
		return text, nil
	case <-ctx.Done():
		return "", context.Cause(ctx)
	case <-a.i.gone:
		return "", errGone
	}
}

func (a *answer) Close() error {
	w := a.i.world
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.answers[a.path] == a {
		delete(w.answers, a.path)
	}
	return nil
}
