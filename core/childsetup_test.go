package core_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/alecthomas/kingpin/v2"
	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/core/host"
	"github.com/evertick/evertick/forker"
)

// setupVariable makes this test binary a daemon whose children run its Setup.
const setupVariable = "TEST_DAEMON_WITH_SETUP"

// warmed and prepared are what WarmUp and Setup have made in this process.
var warmed, prepared string

var tellsSetup = forker.NewTask("tells setup", func(context.Context, *forker.Child, int) (string, error) {
	return fmt.Sprintf("%q in a child", prepared), nil
}, forker.WithSetup())

// daemonWithSetup has a task tell what Setup has made in its child.
func daemonWithSetup() *core.Daemon {
	var greeting string
	return core.New(
		"prepared", core.WithHost(host.Real()), core.Every(0),
		core.Flags(func(app *kingpin.Application) { app.Flag("greeting", "").StringVar(&greeting) }),
		core.Configure(func(*core.Daemon) ([]core.Option, error) {
			greeting = strings.ToUpper(greeting)
			return nil, nil
		}),
		core.WarmUp(func(context.Context, *core.Daemon) error {
			warmed = "warm "
			return nil
		}),
		core.Setup(func(_ context.Context, d *core.Daemon) error {
			prepared = warmed + greeting
			if os.Getenv("TEST_IN_CHILD") == "" {
				return nil
			}
			d.Logf("setup in the child")
			d.Alertf("an alert from setup")
			if greeting == "FAIL" {
				return errors.New("no database")
			}
			return nil
		}),
		core.Teardown(func(_ context.Context, d *core.Daemon) error {
			d.Logf("teardown in %d", d.PID())
			return nil
		}),
		core.Execute(func(ctx context.Context, d *core.Daemon) error {
			defer d.Stop("it has run")
			h, err := tellsSetup.Fork(d, 0, forker.Env("TEST_IN_CHILD=1"))
			if err != nil {
				return err
			}
			text, err := h.Wait(ctx)
			d.Logf("told %s %v", text, err)
			return nil
		}),
	)
}

func TestAChildRunsTheDaemonsSetup(t *testing.T) {
	path, err := os.Executable()
	require.NoError(t, err)
	run := func(greeting string) string {
		cmd := exec.Command(path, "--greeting", greeting)
		cmd.Env = append(os.Environ(), setupVariable+"=1")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		return string(out)
	}
	out := run("hello")
	require.Contains(t, out, `told "warm HELLO" in a child <nil>`)
	require.Equal(t, 1, strings.Count(out, "setup in the child"), "%s", out)
	require.Contains(t, out, "): an alert from setup")
	require.Equal(t, 2, strings.Count(out, "teardown in"), "%s", out)
	require.Equal(t, 1, strings.Count(out, "Application Startup"), "%s", out)

	require.Contains(t, run("fail"), "the daemon's Setup in the child: setup: no database")
}
