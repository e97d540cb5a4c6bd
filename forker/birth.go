package forker

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// birthVariable is the environment variable that a birth certificate travels
// in. It is read once and removed, so that no child ever inherits it.
const birthVariable = "EVERTICK_BIRTH"

// maxInlineState is the longest state, in bytes, that travels in the
// environment itself. Linux takes 128 KiB for one variable, base64 included;
// longer states travel in an unlinked file.
const maxInlineState = 32 << 10

// certificate is a birth as it travels.
type certificate struct {
	Kind string `json:"kind"`
	Dir  string `json:"dir"`

	// PID is the process that a restarted image must find itself to be. A
	// certificate for another one was inherited by mistake.
	PID int `json:"pid,omitempty"`

	// Report is the descriptor of the pipe for the report of a detached or
	// tried process, and Pipe that pipe's inode: a process that finds another
	// file there has inherited the variable, but is not who it was meant for.
	Report int    `json:"report,omitempty"`
	Pipe   uint64 `json:"pipe,omitempty"`

	// State is the state itself, or StateFile the descriptor that holds it.
	State     []byte `json:"state,omitempty"`
	StateFile int    `json:"state_file,omitempty"`

	// Ignored are the signals that the previous image ignored while it was
	// replaced.
	Ignored []syscall.Signal `json:"ignored,omitempty"`
}

// inheritance is what a process finds of its birth when it starts.
type inheritance struct {
	birth   Birth
	report  *os.File
	ignored []syscall.Signal
	early   map[os.Signal]chan os.Signal
	pipes   chan os.Signal
}

// inherited is looked up while the package starts, because a restarted image
// must take up its signals as early as it can. In a process without the
// variable nothing happens.
var inherited = inherit()

func inherit() inheritance {
	text, found := os.LookupEnv(birthVariable)
	if !found {
		return inheritance{}
	}
	_ = os.Unsetenv(birthVariable)
	var c certificate
	if json.Unmarshal([]byte(text), &c) != nil {
		return inheritance{}
	}
	in, ok := c.accept()
	if !ok {
		return inheritance{}
	}
	if state, err := c.readState(); err == nil {
		in.birth.State = state
	}
	switch in.birth.Kind {
	case Restarted:
		in.early = hearEarly(c.Ignored)
	case Detached:
		// Whoever waits for the report may die first. Then a word on standard
		// error must fail, not kill: Notify, unlike Ignore, is not inherited.
		in.pipes = make(chan os.Signal, 1)
		signal.Notify(in.pipes, syscall.SIGPIPE)
	case Fresh, Trial:
	}
	return in
}

// accept checks that the certificate was written for this very process.
func (c certificate) accept() (inheritance, bool) {
	in := inheritance{birth: Birth{Dir: c.Dir}, ignored: c.Ignored}
	switch c.Kind {
	case Restarted.String():
		in.birth.Kind = Restarted
		return in, c.PID == os.Getpid()
	case Detached.String():
		in.birth.Kind = Detached
	case Trial.String():
		in.birth.Kind = Trial
	default:
		return in, false
	}
	if inode, err := pipeInode(c.Report); err != nil || inode != c.Pipe {
		return in, false
	}
	unix.CloseOnExec(c.Report)
	in.report = os.NewFile(uintptr(c.Report), "report")
	return in, true
}

// readState returns the state, wherever it travelled.
func (c certificate) readState() ([]byte, error) {
	if c.StateFile == 0 {
		return c.State, nil
	}
	unix.CloseOnExec(c.StateFile)
	f := os.NewFile(uintptr(c.StateFile), "state")
	if f == nil {
		return nil, errors.New("no state file")
	}
	defer f.Close()
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	return io.ReadAll(f)
}

// withBirth is this process's environment with c in it.
func withBirth(c certificate) ([]string, error) {
	text, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, birthVariable+"=") {
			env = append(env, v)
		}
	}
	return append(env, birthVariable+"="+string(text)), nil
}

// carry puts state into c. A state that is too long for the environment goes
// to an unlinked file, which is returned; its descriptor is the caller's to
// pass on and to note in c.
func (c *certificate) carry(state []byte) (*os.File, error) {
	if len(state) <= maxInlineState {
		c.State = state
		return nil, nil
	}
	f, err := anonymousFile()
	if err != nil {
		return nil, fmt.Errorf("hand over %d bytes of state: %w", len(state), err)
	}
	if _, err := f.Write(state); err != nil {
		f.Close()
		return nil, fmt.Errorf("hand over %d bytes of state: %w", len(state), err)
	}
	return f, nil
}

// unlinkedFile is a file in the folder for temporary files that has no name.
func unlinkedFile() (*os.File, error) {
	f, err := os.CreateTemp("", "evertick-")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// pipeInode is the inode of the pipe at descriptor fd.
func pipeInode(fd int) (uint64, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return 0, err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFIFO {
		return 0, errors.New("not a pipe")
	}
	return uint64(st.Ino), nil
}

// wrap adds the room's prefix and what was being done, once.
func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("forker: %s: %w", doing, err)
}
