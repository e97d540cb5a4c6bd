package main

import (
	"bufio"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The first command of the README's quick start, with the program as it is
// built for users.
func TestTheProgramBeatsUntilCtrlC(t *testing.T) {
	dir := t.TempDir()
	bin := filepath.Join(dir, "heartbeat")
	out, err := exec.Command("go", "build", "-o", bin, ".").CombinedOutput()
	require.NoError(t, err, "%s", out)

	cmd := exec.Command(bin, "-v", "--every", "200ms")
	cmd.Env = append(cmd.Environ(), "XDG_RUNTIME_DIR="+dir)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	tooLate := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
	defer tooLate.Stop()

	line := regexp.MustCompile(fmt.Sprintf(`^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\] %d (.*)$`, cmd.Process.Pid))
	var said []string
	beats := 0 // it goes on until the signal has arrived
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		m := line.FindStringSubmatch(lines.Text())
		require.NotNil(t, m, lines.Text())
		switch {
		case m[1] == fmt.Sprintf("beat %d", beats+1):
			if beats++; beats == 2 {
				require.NoError(t, cmd.Process.Signal(syscall.SIGINT))
			}
		case strings.Contains(m[1], "Run Loop"), strings.Contains(m[1], "Missed "): // as on a machine that is too busy
		default:
			said = append(said, m[1])
		}
	}
	require.NoError(t, cmd.Wait())
	require.Len(t, said, 3)
	require.Contains(t, said[0], "Application Startup. ")
	require.Contains(t, said[1], "Shutting Down: SIGINT")
	require.GreaterOrEqual(t, beats, 2)
	require.Regexp(t, fmt.Sprintf(`^Shutdown Complete\. .* Iterations: %d Exit status: 0$`, beats), said[2])
}
