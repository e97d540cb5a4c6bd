package memcachedlock_test

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// span is when the holder of a token was entitled to work, for the first and for
// the last time.
type span struct {
	token       uint64
	pid         int
	first, last time.Duration
}

// loss is a fault that makes the server forget, as the documentation says.
type loss struct {
	what     string
	from, to time.Duration
}

// witness reads what the contenders write.
type witness struct {
	path   string
	offset int64
	spans  map[uint64]*span
	last   span // what was written last
	wrong  []string
}

func newWitness(t *testing.T) *witness {
	file, err := os.CreateTemp(t.TempDir(), "witness")
	require.NoError(t, err)
	require.NoError(t, file.Close())
	return &witness{path: file.Name(), spans: map[uint64]*span{}}
}

// read reads what is new, in whole lines.
func (w *witness) read() error {
	file, err := os.Open(w.path)
	if err != nil {
		return err
	}
	defer file.Close()
	text, err := io.ReadAll(io.NewSectionReader(file, w.offset, 1<<40))
	if err != nil {
		return err
	}
	text = text[:bytes.LastIndexByte(text, '\n')+1]
	w.offset += int64(len(text))
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		var token uint64
		var pid int
		var at time.Duration
		if _, err := fmt.Sscan(lines.Text(), &token, &pid, &at); err != nil {
			return fmt.Errorf("%q: %w", lines.Text(), err)
		}
		w.note(token, pid, at)
	}
	return nil
}

func (w *witness) note(token uint64, pid int, at time.Duration) {
	s := w.spans[token]
	if s == nil {
		s = &span{token, pid, at, at}
		w.spans[token] = s
	}
	if s.pid != pid && len(w.wrong) == 0 {
		w.wrong = append(w.wrong, fmt.Sprintf("token %d was given to PID %d and to PID %d", token, s.pid, pid))
	}
	s.first, s.last = min(s.first, at), max(s.last, at)
	w.last = *s
}

// judge returns what must never happen, and the overlaps that the losses explain. It
// needs no search for an order that would explain the history, as a checker of
// linearizability does: the tokens are that order, and what is left to be shown is
// that the spans stand in it, one after the other.
func (w *witness) judge(losses []loss) (wrong []string, explained []time.Duration) {
	wrong = slices.Clone(w.wrong)
	var all []span
	for _, s := range w.spans {
		all = append(all, *s)
	}
	slices.SortFunc(all, func(a, b span) int { return cmp.Compare(a.token, b.token) })
	for i, s := range all {
		if i > 0 && s.first < all[i-1].first {
			wrong = append(wrong, fmt.Sprintf("token %d worked before token %d", s.token, all[i-1].token))
		}
		for _, before := range all[:i] {
			from, to := max(s.first, before.first), min(s.last, before.last)
			switch {
			case from > to:
			case explains(losses, before, from, to):
				explained = append(explained, to-from)
			default:
				wrong = append(wrong, fmt.Sprintf("tokens %d (PID %d) and %d (PID %d) both worked from %v to %v",
					before.token, before.pid, s.token, s.pid, from, to))
			}
		}
	}
	return wrong, explained
}

// explains finds a loss during the former holder's work, within the TTL before an
// overlap.
func explains(losses []loss, before span, from, to time.Duration) bool {
	return slices.ContainsFunc(losses, func(l loss) bool {
		return before.first <= l.to && l.from <= from && to <= l.to+chaosTTL
	})
}

// What the witness has to find, it finds.
func TestWitness(t *testing.T) {
	const s = time.Second
	spans := func(all ...span) *witness {
		w := &witness{spans: map[uint64]*span{}}
		for _, one := range all {
			w.note(one.token, one.pid, one.first)
			w.note(one.token, one.pid, one.last)
		}
		return w
	}
	for name, c := range map[string]struct {
		w         *witness
		losses    []loss
		wrong     string
		explained int
	}{
		"one after the other": {w: spans(span{1, 1, 1 * s, 2 * s}, span{2, 2, 3 * s, 4 * s})},
		"two at once":         {w: spans(span{1, 1, 1 * s, 4 * s}, span{2, 2, 3 * s, 5 * s}), wrong: "both worked from 3s to 4s"},
		"one within the other": {
			w:     spans(span{1, 1, 1 * s, 9 * s}, span{2, 2, 3 * s, 4 * s}, span{3, 3, 10 * s, 11 * s}),
			wrong: "both worked from 3s to 4s",
		},
		"a token of two":  {w: spans(span{1, 1, 1 * s, 2 * s}, span{1, 2, 3 * s, 4 * s}), wrong: "given to PID 1 and to PID 2"},
		"a token shrinks": {w: spans(span{2, 1, 1 * s, 2 * s}, span{1, 2, 3 * s, 4 * s}), wrong: "token 2 worked before token 1"},
		"after a flush": {
			w:      spans(span{1, 1, 1 * s, 4 * s}, span{2, 2, 3 * s, 5 * s}),
			losses: []loss{{"flush", 2 * s, 2 * s}}, explained: 1,
		},
		"before a flush": {
			w:      spans(span{1, 1, 1 * s, 4 * s}, span{2, 2, 3 * s, 5 * s}),
			losses: []loss{{"flush", 3*s + 1, 3*s + 1}}, wrong: "both worked",
		},
		"long after a flush": {
			w:      spans(span{1, 1, 1 * s, 7 * s}, span{2, 2, 3 * s, 8 * s}),
			losses: []loss{{"flush", 2 * s, 2 * s}}, wrong: "both worked",
		},
		"a flush under a former owner": {
			w:      spans(span{1, 1, 3 * s, 4 * s}, span{2, 2, 4 * s, 5 * s}),
			losses: []loss{{"flush", 2 * s, 2 * s}}, wrong: "both worked",
		},
	} {
		t.Run(name, func(t *testing.T) {
			wrong, explained := c.w.judge(c.losses)
			assert.Len(t, explained, c.explained)
			if c.wrong == "" {
				assert.Empty(t, wrong)
				return
			}
			require.Len(t, wrong, 1)
			assert.Contains(t, wrong[0], c.wrong)
		})
	}
}
