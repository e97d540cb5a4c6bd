package pidfile_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/forker/internal/roletest"
	"github.com/evertick/evertick/forker/pidfile"
)

// Another process is driven over its standard input and output, a line for a
// line.

type order struct{ Do, Path string }

type outcome struct {
	Text    string
	Locked  *pidfile.LockedError
	Missing bool
}

func (o outcome) err() error {
	switch {
	case o.Locked != nil:
		return o.Locked
	case o.Missing:
		return pidfile.ErrNotRunning
	case o.Text != "":
		return errors.New(o.Text)
	}
	return nil
}

// other is the other process's side.
func other([]string) {
	var file pidfile.File
	in, out := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		var o order
		if err := in.Decode(&o); err != nil {
			os.Exit(0)
		}
		var err error
		switch o.Do {
		case "lock":
			file, err = pidfile.Disk(nil).Lock(o.Path)
		case "remove":
			err = file.Remove()
		}
		var result outcome
		if err != nil {
			result.Text = err.Error()
			errors.As(err, &result.Locked)
		}
		roletest.Must(out.Encode(result))
	}
}

// otherProcess is this process's side.
type otherProcess struct {
	t   testing.TB
	cmd *exec.Cmd
	in  io.Writer
	out *bufio.Reader
	end func()
}

func startOther(t testing.TB) *otherProcess {
	cmd := roletest.Command("other")
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	cmd.Stderr = os.Stderr
	require.NoError(t, cmd.Start())
	p := &otherProcess{t: t, cmd: cmd, in: in, out: bufio.NewReader(out)}
	p.end = sync.OnceFunc(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	t.Cleanup(p.end)
	return p
}

func (o *otherProcess) PID() int { return o.cmd.Process.Pid }
func (o *otherProcess) Kill()    { o.end() }

func (o *otherProcess) Lock(path string) error { return o.order("lock", path) }
func (o *otherProcess) Remove() error          { return o.order("remove", "") }

func (o *otherProcess) order(do, path string) error {
	o.t.Helper()
	line, err := json.Marshal(order{do, path})
	require.NoError(o.t, err)
	_, err = fmt.Fprintf(o.in, "%s\n", line)
	require.NoError(o.t, err)
	reply, err := o.out.ReadBytes('\n')
	require.NoError(o.t, err)
	var result outcome
	require.NoError(o.t, json.Unmarshal(reply, &result))
	return result.err()
}
