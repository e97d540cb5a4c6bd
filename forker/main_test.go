package forker_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/forker"
)

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// roles are what the test binary can be started as. Each may take arguments.
var roles = map[string]func(args []string){
	"party": party,
	"block": func([]string) { block() },
}

func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "role" {
		go func() { // no process outlives its test for long
			time.Sleep(3 * patience)
			os.Exit(99)
		}()
		roles[os.Args[2]](os.Args[3:])
		os.Exit(0)
	}
	// A child with the race detector would sleep for a second before it ends.
	must(os.Setenv("GORACE", "atexit_sleep_ms=0 "+os.Getenv("GORACE")))
	os.Exit(m.Run())
}

// image is the test binary in a role.
func image(role string, args ...string) forker.Image {
	m := forker.System()
	return forker.Image{
		Path: m.Executable(), Dir: m.Birth().Dir,
		Args: append([]string{"role", role}, args...),
	}
}

// command is the same as an ordinary child.
func command(role string, args ...string) *exec.Cmd {
	img := image(role, args...)
	return exec.Command(img.Path, img.Args...)
}

// block waits to be killed.
func block() { select {} }

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "must:", err)
		os.Exit(90)
	}
}

func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// eventually waits until yes.
func eventually(t testing.TB, what string, yes func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !yes(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			require.FailNow(t, "waited in vain", what)
		}
	}
}

// gone tells whether process pid has ended, reaped or not.
func gone(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return syscall.Kill(pid, 0) == syscall.ESRCH
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return strings.HasPrefix(rest, "Z") || strings.HasPrefix(rest, "X")
}

// A party is driven over its standard input and output, a line for a line.

type order struct{ Do, Path string }

type outcome struct {
	Text    string
	Claimed *forker.ClaimedError
	Missing bool
}

func (o outcome) err() error {
	switch {
	case o.Claimed != nil:
		return o.Claimed
	case o.Missing:
		return forker.ErrNotRunning
	case o.Text != "":
		return errors.New(o.Text)
	}
	return nil
}

// party is the other process's side.
func party([]string) {
	var file forker.PIDFile
	in, out := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		var o order
		if err := in.Decode(&o); err != nil {
			os.Exit(0)
		}
		var err error
		switch o.Do {
		case "claim":
			file, err = forker.System().ClaimPID(o.Path)
		case "remove":
			err = file.Remove()
		}
		var result outcome
		if err != nil {
			result.Text = err.Error()
			errors.As(err, &result.Claimed)
		}
		must(out.Encode(result))
	}
}

// realParty is this process's side.
type realParty struct {
	t   testing.TB
	cmd *exec.Cmd
	in  io.Writer
	out *bufio.Reader
	end func()
}

func startParty(t testing.TB) *realParty {
	cmd := command("party")
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	cmd.Stderr = os.Stderr
	require.NoError(t, cmd.Start())
	p := &realParty{t: t, cmd: cmd, in: in, out: bufio.NewReader(out)}
	p.end = sync.OnceFunc(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	t.Cleanup(p.end)
	return p
}

func (p *realParty) PID() int { return p.cmd.Process.Pid }
func (p *realParty) Kill()    { p.end() }

func (p *realParty) Claim(path string) error { return p.order("claim", path) }
func (p *realParty) Remove() error           { return p.order("remove", "") }

func (p *realParty) order(do, path string) error {
	p.t.Helper()
	line, err := json.Marshal(order{do, path})
	require.NoError(p.t, err)
	_, err = fmt.Fprintf(p.in, "%s\n", line)
	require.NoError(p.t, err)
	answer, err := p.out.ReadBytes('\n')
	require.NoError(p.t, err)
	var result outcome
	require.NoError(p.t, json.Unmarshal(answer, &result))
	return result.err()
}

type realFiles struct{}

func (realFiles) ReadFile(path string) ([]byte, error)     { return os.ReadFile(path) }
func (realFiles) WriteFile(path string, data []byte) error { return os.WriteFile(path, data, 0o644) }
func (realFiles) Remove(path string) error                 { return os.Remove(path) }

// pidIn is a PID file's path in a folder of the test's own.
func pidIn(t testing.TB) string { return filepath.Join(t.TempDir(), "d.pid") }
