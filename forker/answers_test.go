package forker_test

import (
	"testing"

	"github.com/evertick/evertick/forker"
	"github.com/evertick/evertick/forker/forktest"
)

func TestSocketAnswersConform(t *testing.T) {
	for _, c := range forktest.AnswersCases() {
		t.Run(c.Name, func(t *testing.T) {
			c.Test(t, forktest.AnswersWorld{Daemon: forker.SocketAnswers{}, Asker: forker.SocketAnswers{}, Dir: t.TempDir()})
		})
	}
}
