package clockwork_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/benbjohnson/clock"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/clockwork/clocktest"
)

func TestRealKeepsThePromises(t *testing.T) {
	clocktest.Run(t, clocktest.Subject{
		New: func(*testing.T) (clockwork.Clock, func(time.Duration)) { return clockwork.Real(), nil },
	})
}

func TestFromKeepsThePromises(t *testing.T) {
	moving := func(*testing.T) (clockwork.Clock, func(time.Duration)) {
		return clockwork.From(clock.New()), nil
	}
	byHand := func(*testing.T) (clockwork.Clock, func(time.Duration)) {
		mock := clock.NewMock()
		return clockwork.From(mock), mock.Add
	}
	t.Run("the machine's time", func(t *testing.T) {
		clocktest.Run(t, clocktest.Subject{New: moving})
	})
	t.Run("a bubble's time", func(t *testing.T) {
		clocktest.Run(t, clocktest.Subject{New: moving, In: synctest.Test})
	})
	t.Run("a mock moved by hand", func(t *testing.T) {
		clocktest.Run(t, clocktest.Subject{New: byHand})
	})
}

// Two processes of one machine must be able to compare their readings.
func TestBootIsTheSameForEveryProcess(t *testing.T) {
	const ask = "CLOCKWORK_TEST_BOOT"
	if os.Getenv(ask) != "" {
		os.Stdout.WriteString("boot=" + strconv.FormatInt(int64(clockwork.Real().Boot()), 10) + "\n")
		return
	}
	before := clockwork.Real().Boot()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), ask+"=1")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	after := clockwork.Real().Boot()

	_, value, _ := strings.Cut(string(out), "boot=")
	value, _, _ = strings.Cut(value, "\n")
	reading, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		t.Fatalf("%v in %q", err, out)
	}
	if boot := time.Duration(reading); boot < before || boot > after {
		t.Errorf("the other process read %v, between %v and %v here", boot, before, after)
	}
}

func TestSleepOfNothingIgnoresTheContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errors.New("over"))
	for _, d := range []time.Duration{0, -time.Second} {
		if err := clockwork.Sleep(ctx, clockwork.Real(), d); err != nil {
			t.Errorf("Sleep(%v) = %v, want nil", d, err)
		}
	}
	if err := clockwork.Sleep(ctx, clockwork.Real(), time.Hour); err == nil || err.Error() != "over" {
		t.Errorf("Sleep = %v, want the cause", err)
	}
}

// Everything that Evertick does in a bubble rests on this.
func TestADayInABubbleTakesNoTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clockwork.Real()
		began := c.Now()
		if err := clockwork.Sleep(t.Context(), c, 24*time.Hour); err != nil {
			t.Fatal(err)
		}
		if took := c.Now().Sub(began); took != 24*time.Hour {
			t.Errorf("the day took %v", took)
		}
	})
}

func BenchmarkNow(b *testing.B) {
	c := clockwork.Real()
	b.ReportAllocs()
	for b.Loop() {
		_ = c.Now()
	}
}

func BenchmarkBoot(b *testing.B) {
	c := clockwork.Real()
	b.ReportAllocs()
	for b.Loop() {
		_ = c.Boot()
	}
}

func BenchmarkTimerReset(b *testing.B) {
	t := clockwork.Real().NewTimer(time.Hour)
	defer t.Stop()
	b.ReportAllocs()
	for b.Loop() {
		t.Reset(time.Hour)
	}
}
