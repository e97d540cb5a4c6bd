package core_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/daemontest"
	"github.com/evertick/evertick/forker"
)

// Children that die one after the other are not started any more: one alert,
// trials after growing pauses, and word when one lives.
func TestATaskWhoseChildrenDieEarly(t *testing.T) {
	execute := core.Execute(func(_ context.Context, d *core.Daemon) error {
		_, err := greets.Fork(d, "you")
		switch {
		case errors.Is(err, forker.ErrEarlyDeaths):
			d.Logf("doing nothing")
		case err != nil:
			return err
		default:
			d.Logf("doing fork")
		}
		return nil
	})
	limit := core.Setup(func(_ context.Context, d *core.Daemon) error {
		d.Children().MaxEarlyDeaths = 2
		return nil
	})
	dies := daemontest.Child().Exits(3)
	play(t, equipped(core.Every(1100*time.Millisecond), limit, execute), daemontest.Scenario{
		Children: map[string]daemontest.ChildScript{
			"greets": dies.ExceptFrom(5, daemontest.Child().Returns("x")).Except(8, dies),
		},
		Steps: daemontest.Steps{stopAt(10.5)},
		Want: daemontest.Want{
			daemontest.Exit(0), daemontest.Mails(2), daemontest.ChildEnds("greets", 4, "exit status 3"),
			daemontest.Logs("Error: task greets is not started for a while: its children die soon after their start: 3 within 1m0s, " +
				"each in its first 3s, the last one: exit status 3 without a result"),
			daemontest.Logs("Task greets is started again: a child of it lives"),
			// three deaths, a trial after 1 s, one after 2 s that lives, and a
			// death that is the first again
			done("fork", "fork", "fork", "fork", "nothing", "fork", "fork", "fork", "fork", "fork"),
		},
	})
}
