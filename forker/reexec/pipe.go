package reexec

import (
	"io"
	"strings"

	"github.com/evertick/evertick/forker/internal/pipe"
)

// maxTail is how much of the end of a child's standard error is kept.
const maxTail = 64 << 10

// stderrTail keeps the end of what a child writes to its standard error.
type stderrTail struct {
	pipe *pipe.Pipe
	done chan struct{} // closed when text is complete
	text []byte
	cut  bool
}

func collect(p *pipe.Pipe) *stderrTail {
	t := &stderrTail{pipe: p, done: make(chan struct{})}
	go func() {
		defer close(t.done)
		_, _ = io.Copy(t, p)
	}()
	return t
}

// Write keeps the last maxTail bytes.
func (t *stderrTail) Write(p []byte) (int, error) {
	t.text = append(t.text, p...)
	if over := len(t.text) - maxTail; over > 0 {
		t.text = append(t.text[:0], t.text[over:]...)
		t.cut = true
	}
	return len(p), nil
}

// end reads what is left and returns the text.
func (t *stderrTail) end() string {
	t.pipe.Stop()
	<-t.done
	text := strings.TrimSpace(strings.ToValidUTF8(string(t.text), "\uFFFD"))
	if t.cut {
		return "… " + text
	}
	return text
}

// close ends the collecting.
func (t *stderrTail) close() {
	t.pipe.Stop()
	<-t.done
	t.pipe.File.Close()
}

// withStderr appends what was read of standard error to message, on indented
// lines of its own.
func withStderr(message, text string) string {
	if text == "" {
		return message
	}
	return message + "\n\t" + strings.ReplaceAll(text, "\n", "\n\t")
}
