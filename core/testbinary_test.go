package core_test

import (
	"context"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/benbjohnson/clock"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/core/host"
)

// oversight is a daemon whose test has not given it a world.
func oversight(t *testing.T, options ...core.Option) *core.Daemon {
	return core.New("poller", append(options, core.Every(0), core.Execute(func(_ context.Context, d *core.Daemon) error {
		d.Stop("it has run")
		return nil
	}))...)
}

// realStderr returns what f writes to the standard error of this process.
func realStderr(t *testing.T, f func()) string {
	t.Helper()
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func(before *os.File) { os.Stderr = before }(os.Stderr)
	os.Stderr = out
	f()
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(in)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A daemon that would run on the real machine in a test binary, because New
// keeps its extra options to itself, does not, and says what to write instead.
func TestATestBinaryDoesNotRunTheRealDaemon(t *testing.T) {
	tells := func(text string) bool {
		return strings.HasPrefix(text, "poller: the daemon is not run: ") && strings.Contains(text, "daemontest.Run(t, New, …)") && strings.Contains(text, "core.WithHost(host.Real())")
	}
	t.Run("by Main", func(t *testing.T) {
		defer func() {
			if err, ok := recover().(error); !ok || !tells(err.Error()) {
				t.Errorf("want a panic that tells, got %v", err)
			}
		}()
		oversight(t).Main()
	})
	t.Run("by Run", func(t *testing.T) {
		code := -1
		if text := realStderr(t, func() { code = oversight(t).Run(t.Context()) }); code != 1 || !tells(text) {
			t.Errorf("want exit status 1 and the reason, got %d and %q", code, text)
		}
	})
}

// What a test has chosen runs: a host, be it the real one, or a clock.
func TestATestBinaryRunsWhatItHasChosen(t *testing.T) {
	for name, chosen := range map[string]core.Option{
		"the real host": core.WithHost(host.Real()),
		"a clock":       core.WithClock(clockwork.From(clock.NewMock())),
	} {
		t.Run(name, func(t *testing.T) {
			code := -1
			if text := realStderr(t, func() { code = oversight(t, chosen).Run(t.Context()) }); code != 0 {
				t.Errorf("want exit status 0, got %d and %q", code, text)
			}
		})
	}
}

// The clock that a daemon will run by is known before it runs, if it was
// declared.
func TestClockBeforeTheRun(t *testing.T) {
	own, other := clockwork.From(clock.NewMock()), host.Real()
	other.Clock = clockwork.From(clock.New())
	for _, c := range []struct {
		options []core.Option
		want    clockwork.Clock
	}{
		{nil, nil},
		{[]core.Option{core.WithHost(other)}, other.Clock},
		{[]core.Option{core.WithHost(other), core.WithClock(own)}, own},
	} {
		if got := oversight(t, c.options...).Clock(); got != c.want {
			t.Errorf("want %v, got %v", c.want, got)
		}
	}
}
