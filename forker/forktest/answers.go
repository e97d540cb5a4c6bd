package forktest

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/forker"
)

// AnswersWorld is what answers are tested in. Each case gets a new one.
type AnswersWorld struct {
	// Daemon is the answers as the daemon sees them, Asker as the process does
	// that signalled it. They may be the same.
	Daemon, Asker forker.Answers

	// Dir is a folder, empty and writable; absolute.
	Dir string
}

// AnswersCase is one thing that must hold.
type AnswersCase struct {
	// Name says what must hold.
	Name string

	// Test fails t if it does not hold in w.
	Test func(t testing.TB, w AnswersWorld)
}

// AnswersCases are all cases for forker.Answers.
func AnswersCases() []AnswersCase {
	return []AnswersCase{
		{"an answer arrives", answerArrives},
		{"an answer that comes before it is waited for arrives", answerIsKept},
		{"an answer to nobody is no matter", answerToNobody},
		{"only one may wait", oneWaits},
		{"the wait ends with its context", waitEnds},
		{"each daemon has answers of its own", answersAreApart},
		{"nothing is left of a wait that has ended", nothingLeft},
	}
}

func (w AnswersWorld) pid(name string) string { return filepath.Join(w.Dir, name) }

func (w AnswersWorld) listen(t testing.TB, name string) forker.Answer {
	t.Helper()
	a, err := w.Asker.Listen(w.pid(name))
	require.NoError(t, err)
	return a
}

func text(t testing.TB, a forker.Answer) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	text, err := a.Wait(ctx)
	require.NoError(t, err)
	return text
}

func answerArrives(t testing.TB, w AnswersWorld) {
	a := w.listen(t, "d.pid")
	came := make(chan string, 1)
	go func() { came <- text(t, a) }()
	long := "ok " + strings.Repeat("a dump of several lines\n", 100)
	w.Daemon.Give(w.pid("d.pid"), long)
	require.Equal(t, long, <-came)
	require.NoError(t, a.Close())
}

func answerIsKept(t testing.TB, w AnswersWorld) {
	a := w.listen(t, "d.pid")
	w.Daemon.Give(w.pid("d.pid"), "ok")
	require.Equal(t, "ok", text(t, a))
	require.NoError(t, a.Close())
}

func answerToNobody(_ testing.TB, w AnswersWorld) {
	w.Daemon.Give(w.pid("d.pid"), "ok")
}

func oneWaits(t testing.TB, w AnswersWorld) {
	a := w.listen(t, "d.pid")
	_, err := w.Asker.Listen(w.pid("d.pid"))
	require.Error(t, err)
	w.Daemon.Give(w.pid("d.pid"), "ok")
	require.Equal(t, "ok", text(t, a), "the other one has not disturbed")
	require.NoError(t, a.Close())
	require.NoError(t, w.listen(t, "d.pid").Close())
}

func waitEnds(t testing.TB, w AnswersWorld) {
	a := w.listen(t, "d.pid")
	reason := errors.New("enough")
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(reason)
	_, err := a.Wait(ctx)
	require.ErrorIs(t, err, reason)
	require.NoError(t, a.Close())
}

func answersAreApart(t testing.TB, w AnswersWorld) {
	a, b := w.listen(t, "a.pid"), w.listen(t, "b.pid")
	w.Daemon.Give(w.pid("b.pid"), "b")
	w.Daemon.Give(w.pid("a.pid"), "a")
	require.Equal(t, "a", text(t, a))
	require.Equal(t, "b", text(t, b))
	require.NoError(t, a.Close())
	require.NoError(t, b.Close())
}

func nothingLeft(t testing.TB, w AnswersWorld) {
	a := w.listen(t, "d.pid")
	require.NoError(t, a.Close())
	w.Daemon.Give(w.pid("d.pid"), "to nobody")
	a = w.listen(t, "d.pid")
	w.Daemon.Give(w.pid("d.pid"), "to the next")
	require.Equal(t, "to the next", text(t, a))
	require.NoError(t, a.Close())
}
