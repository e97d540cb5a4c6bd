package forkertest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"github.com/evertick/evertick/forker"
)

// The tasks that the suite runs. They are registered with package forker, so
// that real children have them; fake processes must play them.
const (
	// Echo returns its argument.
	Echo = "forkertest/echo"

	// Fail returns the error "no database".
	Fail = "forkertest/fail"

	// Panic panics with "boom".
	Panic = "forkertest/panic"

	// Crash ends its process with status 3 and no result.
	Crash = "forkertest/crash"

	// Print writes "one\ntwo" to its standard output and "three" to its
	// standard error, and returns its argument.
	Print = "forkertest/print"

	// Say logs "first", alerts "second", logs "third" and returns its argument.
	Say = "forkertest/say"

	// Obey logs "ready", and fails with "told" when it gets SIGTERM.
	Obey = "forkertest/obey"

	// Stubborn ignores SIGTERM, logs "ready", and goes on for ever.
	Stubborn = "forkertest/stubborn"

	// Grandchild leaves a process behind that holds its standard output and
	// error, outside its process group, and returns its argument. That process
	// goes on for a minute.
	Grandchild = "forkertest/grandchild"

	// Unknown is registered nowhere.
	Unknown = "forkertest/unknown"
)

func init() {
	task := func(name string, run func(ctx context.Context, c *forker.Child) error) {
		forker.NewTask(name, func(ctx context.Context, c *forker.Child, in string) (string, error) {
			return in, run(ctx, c)
		})
	}
	task(Echo, func(context.Context, *forker.Child) error { return nil })
	task(Fail, func(context.Context, *forker.Child) error { return errors.New("no database") })
	task(Panic, func(context.Context, *forker.Child) error { panic("boom") })
	task(Crash, func(context.Context, *forker.Child) error {
		os.Exit(3)
		return nil
	})
	task(Print, func(_ context.Context, c *forker.Child) error {
		fmt.Fprint(c.Stdout(), "one\ntwo")
		fmt.Fprint(c.Stderr(), "three")
		return nil
	})
	task(Say, func(_ context.Context, c *forker.Child) error {
		c.Logf("first")
		c.Alertf("second")
		c.Logf("third")
		return nil
	})
	task(Obey, func(ctx context.Context, c *forker.Child) error {
		c.Logf("ready")
		<-ctx.Done()
		return errors.New("told")
	})
	task(Stubborn, func(_ context.Context, c *forker.Child) error {
		signal.Ignore(syscall.SIGTERM)
		c.Logf("ready")
		select {}
	})
	task(Grandchild, func(context.Context, *forker.Child) error {
		cmd := exec.Command("sleep", "60")
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		return cmd.Start()
	})
}
