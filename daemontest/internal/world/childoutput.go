package world

import (
	"bytes"
	"io"

	"github.com/evertick/evertick/forker"
)

// put writes into the child's pipe, and waits while that is full or the child
// is stopped. What a child that has ended writes has no effect. It returns when
// the daemon has taken what was written, or blocks: so the two never act at one
// instant.
func (c *Child) put(bytes int, take func()) {
	for c.awake() {
		taken, full := c.pipe.write(bytes, take)
		switch {
		case full != nil:
			select {
			case <-full:
			case <-c.gone:
			}
			continue
		case taken != nil:
			blocks := after(1)
			select {
			case <-taken:
			case <-blocks.C:
			}
			blocks.Stop()
		}
		return
	}
}

// Say says something to the daemon in private.
func (c *Child) Say(m forker.Message) {
	if m.Kind == forker.Began && c.saidBegan.Swap(true) { // by its script, before its own function
		return
	}
	m.Data = c.returned(m.Data)
	m.Text = string(c.returned([]byte(m.Text)))
	c.put(len(m.Data)+len(m.Text)+len(m.Stack), func() { c.functions().Message(m) })
}

// childStream is a standard stream of a child.
type childStream struct {
	c      *Child
	stderr bool
}

func (s childStream) Write(b []byte) (int, error) {
	n := len(b)
	for len(b) > 0 {
		part := append([]byte(nil), b[:min(len(b), pipeRead)]...)
		b = b[len(part):]
		s.c.put(len(part), func() { _, _ = s.to().Write(part) })
	}
	return n, nil
}

// to returns where the stream goes to now.
func (s childStream) to() io.Writer {
	if s.stderr {
		return s.c.functions().Stderr
	}
	return s.c.functions().Stdout
}

// Bounded returns m, or that its result is larger than the child may return.
func (c *Child) Bounded(m forker.Message) forker.Message {
	if len(m.Data) > c.command.MaxBytes {
		return forker.Message{Kind: forker.TooLarge, Size: len(m.Data), Limit: c.command.MaxBytes}
	}
	return m
}

// Prints writes to the child's standard output, or to its standard error.
func (c *Child) Prints(text string, stderr bool) {
	_, _ = childStream{c, stderr}.Write([]byte(text))
}

// given is what the daemon gives the child: a path of its own in it becomes the
// child's.
func (c *Child) given(given []byte) []byte {
	return bytes.ReplaceAll(given, []byte(linkOf(c.generation().dir)+"/"), []byte(c.link+"/"))
}

// returned is the reverse, for what the child returns to its daemon.
func (c *Child) returned(given []byte) []byte {
	return bytes.ReplaceAll(given, []byte(c.link+"/"), []byte(linkOf(c.generation().dir)+"/"))
}
