package host_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/evertick/evertick/core/host"
)

// The test binary plays a program with a broken standard output when this says
// how many programs of the process are still to come.
const pipeEnv = "EVERTICK_HOST_PIPE"

func TestMain(m *testing.M) {
	if left := os.Getenv(pipeEnv); left != "" {
		if err := writeToNobody(left); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// writeToNobody writes to a standard output without a reader, in this program
// and in the next one.
func writeToNobody(left string) error {
	time.AfterFunc(time.Minute, func() { os.Exit(99) })
	for range 3 {
		if _, err := host.Real().Stdout.Write([]byte("to nobody\n")); !errors.Is(err, syscall.EPIPE) {
			return fmt.Errorf("write with %s to come: %w, want EPIPE", left, err)
		}
	}
	if left == "1" {
		exe, err := os.Executable()
		if err != nil {
			return err
		}
		return syscall.Exec(exe, os.Args, []string{pipeEnv + "=0", "PATH=" + os.Getenv("PATH")})
	}
	// A child has the default effect.
	err := exec.Command("sh", "-c", "kill -PIPE $$; exit 0").Run()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGPIPE {
		return fmt.Errorf("a child with SIGPIPE ended with %w", err)
	}
	fmt.Fprintln(os.Stderr, "alive")
	return nil
}

func TestAStandardOutputWithoutAReaderKillsNothing(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), pipeEnv+"=1")
	cmd.Stdout = w
	var stderr strings.Builder
	cmd.Stderr = &stderr
	err = cmd.Run()
	w.Close()
	if err != nil || stderr.String() != "alive\n" {
		t.Errorf("ended with %v and said %q", err, stderr.String())
	}
}
