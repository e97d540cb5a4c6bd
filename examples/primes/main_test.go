package main

import (
	"bufio"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/daemontest"
	"github.com/evertick/evertick/forker"
)

func TestMain(m *testing.M) {
	forker.Main()
	if os.Getenv("TEST_PRIMES") != "" {
		main()
	}
	os.Exit(m.Run())
}

func TestPrimesEndsAfterItsLastRound(t *testing.T) {
	daemontest.Run(t, New, daemontest.Scenario{
		Args: "--rounds 2 --ranges 2 --size 1000",
		Want: daemontest.Want{
			daemontest.Iterations(2), daemontest.Exit(0), daemontest.ChildrenGone(),
			daemontest.Logs("0–999      168 primes, 16.80 %"),
			daemontest.Logs("so far      550 primes"), // below 4000
			daemontest.Logs("the last round is over"),
		},
	})
}

func TestPrimesRefusesBadFlags(t *testing.T) {
	for args, says := range map[string]string{
		"--rounds=-1": "--rounds is negative: -1",
		"--ranges 0":  "--ranges is 0, less than 1",
		"--size 0":    "--size is 0, not from 1 to 2147483647",
	} {
		daemontest.Run(t, New, daemontest.Scenario{
			Args: args,
			Want: daemontest.Want{daemontest.Exit(1), daemontest.NeverReady(), daemontest.Stderr(says)},
		})
	}
}

// Real workers: some are killed, the table comes all the same; Ctrl-C ends all.
func TestPrimesWithRealWorkers(t *testing.T) {
	path, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(path, "-v", "--every", "20ms", "--rounds", "0", "--ranges", "4", "--size", "10000")
	cmd.Env = append(os.Environ(), "TEST_PRIMES=1")
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	cmd.Stderr = os.Stderr
	require.NoError(t, cmd.Start())
	tooLate := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
	defer tooLate.Stop()
	rounds := 0
	var said strings.Builder
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		said.WriteString(lines.Text() + "\n")
		if strings.Contains(lines.Text(), "so far") {
			rounds++
		}
		if rounds == 3 {
			_ = cmd.Process.Signal(syscall.SIGINT)
			rounds++
		}
	}
	require.NoError(t, cmd.Wait(), "%s", &said)
	require.Contains(t, said.String(), "0–9999     1229 primes, 12.29 %")
	require.Contains(t, said.String(), "so far     4203 primes")
	require.Contains(t, said.String(), "Shutdown Complete.")
	require.NotContains(t, said.String(), "Error")
}
