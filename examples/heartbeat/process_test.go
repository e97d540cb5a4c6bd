package main

import (
	"bufio"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
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
	tooLate := time.AfterFunc(20*time.Second, func() { _ = cmd.Process.Kill() })
	defer tooLate.Stop()

	line := regexp.MustCompile(fmt.Sprintf(`^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\] %d (.*)$`, cmd.Process.Pid))
	var said []string
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		m := line.FindStringSubmatch(lines.Text())
		require.NotNil(t, m, lines.Text())
		said = append(said, m[1])
		if m[1] == "beat 2" {
			require.NoError(t, cmd.Process.Signal(syscall.SIGINT))
		}
	}
	require.NoError(t, cmd.Wait())
	require.Len(t, said, 5)
	require.Contains(t, said[0], "Application Startup. ")
	require.Equal(t, []string{"beat 1", "beat 2"}, said[1:3])
	require.Contains(t, said[3], "Shutting Down: SIGINT")
	require.Regexp(t, `^Shutdown Complete\. .* Iterations: 2 Exit status: 0$`, said[4])
}
