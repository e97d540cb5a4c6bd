package reexec_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/evertick/evertick/forker/internal/roletest"
	"github.com/evertick/evertick/forker/reexec"
)

// exhausted uses all descriptors up, once it is ready where args[0] says so. Then it
// tries a program, and executes itself until args[1] is 0.
func exhausted(args []string) {
	system := reexec.System(nil)
	limit := unix.Rlimit{Cur: 64, Max: 64}
	roletest.Must(unix.Setrlimit(unix.RLIMIT_NOFILE, &limit))
	if args[0] == "ready" {
		roletest.Must(system.Report(reexec.Report{Running: true}))
	}
	r, w, err := os.Pipe() // which makes the runtime's poller
	roletest.Must(errors.Join(err, r.Close(), w.Close()))
	for {
		if _, err := unix.Open(os.DevNull, unix.O_RDONLY|unix.O_CLOEXEC, 0); err != nil {
			break
		}
	}
	next := program("yes")
	next.State = []byte("state")
	fmt.Println(system.Try(context.Background(), next))
	fmt.Println(system.Try(context.Background(), next))
	left, err := strconv.Atoi(args[1])
	roletest.Must(err)
	if left > 0 {
		next = program("exhausted", args[0], strconv.Itoa(left-1))
		next.State = []byte(strings.Repeat("state", 20_000)) // too long for the environment
		roletest.Must(system.Exec(next))
	}
}

// A daemon that has no descriptor free can be tried and executed, which is what
// cures it; one that was never ready is told the cause.
func TestADaemonWithoutDescriptorsCanRestart(t *testing.T) {
	out, err := roletest.Command("exhausted", "ready", "2").CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Equal(t, strings.Repeat("<nil>\n", 6), string(out))

	out, err = roletest.Command("exhausted", "never", "0").CombinedOutput()
	require.NoError(t, err, "%s", out)
	text, _, _ := strings.Cut(string(out), "\n")
	require.Contains(t, text, "no room for a trial: this process has all of its 64 descriptors open: it leaks them, or its limit is too low")
}
