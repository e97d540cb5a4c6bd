package reexec

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

	"github.com/evertick/evertick/forker/signals"
)

// startVariable is the environment variable that carries a startInfo. It is
// read once and removed, so that no child inherits it.
const startVariable = "EVERTICK_START"

// kindSubreaper is the kind of a process that stands between a trial and the
// process that tries.
const kindSubreaper = "subreaper"

// maxInlineState is the longest state, in bytes, that travels in the
// environment itself. Linux takes 128 KiB for one variable, base64 included;
// longer states travel in an unlinked file.
const maxInlineState = 32 << 10

// startInfo is what one program tells the next one, as JSON.
type startInfo struct {
	Kind string `json:"kind"`
	Dir  path   `json:"dir"`

	// PID is the process that a restarted program must find itself in. What
	// was written for another one was inherited by mistake.
	PID int `json:"pid,omitempty"`

	// Report is the descriptor of the pipe for a report that is waited for, and Pipe that pipe's inode: a process that finds another
	// file there has inherited the variable by mistake.
	Report int    `json:"report,omitempty"`
	Pipe   uint64 `json:"pipe,omitempty"`

	// Path is the program that a subreaper is to try or a watcher to execute, or
	// that a watcher has executed, and End the descriptor of
	// the pipe on which a subreaper says how that ended. Those between 3 and End are the
	// tried program's.
	Path path `json:"path,omitempty"`
	End  int  `json:"end,omitempty"`

	// Trouble is what kept a watcher from executing the program at once.
	Trouble string `json:"trouble,omitempty"`

	// Watcher is the watcher that an exec keeps.
	Watcher *passedWatcher `json:"watcher,omitempty"`

	// Detached says of a restarted process that its launcher waits still.
	Detached bool `json:"detached,omitempty"`

	// State is the state itself, or StateFile the descriptor that holds it.
	State     []byte `json:"state,omitempty"`
	StateFile int    `json:"state_file,omitempty"`

	// Files are those that an exec keeps open for its next program.
	Files []passedFile `json:"files,omitempty"`

	// Crash is the file for what the Go runtime prints at a crash.
	Crash *passedFile `json:"crash,omitempty"`

	// Ignored are the signals that the former program ignored while it was
	// replaced.
	Ignored []syscall.Signal `json:"ignored,omitempty"`

	// Kept are those that stay ignored, because they were when the process was
	// started.
	Kept []syscall.Signal `json:"kept,omitempty"`
}

// inheritance is what a process finds of its origin when it starts.
type inheritance struct {
	origin      Origin
	program     string // the path of the program, where it is told
	detached    bool   // a launcher waits for the report
	report      *os.File
	files       []passedFile
	brokenPipes chan os.Signal
}

// inherited is looked up while the package starts, because a restarted program
// must subscribe to its signals as early as it can. In a process without the
// variable nothing happens.
var inherited = inherit()

func inherit() inheritance {
	text, found := os.LookupEnv(startVariable)
	if !found {
		return inheritance{}
	}
	_ = os.Unsetenv(startVariable)
	var s startInfo
	if json.Unmarshal([]byte(text), &s) != nil {
		return inheritance{}
	}
	if s.Kind == kindSubreaper && s.pipeIsThere() {
		s.superviseTrial()
	}
	if s.Kind == kindWatcher && s.pipeIsThere() {
		s.watchOver()
	}
	in, ok := s.accept()
	if !ok {
		return inheritance{}
	}
	if state, err := s.readState(); err == nil {
		in.origin.State = state
	}
	if in.origin.Kind == Restarted || in.origin.Kind == Respawned {
		signals.System().SubscribeEarly(s.Ignored, s.Kept)
		s.takeCrash()
		s.takeWatcher()
	}
	if in.origin.Kind == Detached {
		signals.System().ListenToAll()
	}
	if in.detached {
		// The launcher may die before the report. Then a write to standard
		// error must fail, not kill: Notify, unlike Ignore, is not inherited.
		in.brokenPipes = make(chan os.Signal, 1)
		signal.Notify(in.brokenPipes, syscall.SIGPIPE)
	}
	return in
}

// accept checks that the information was written for this very process.
func (s startInfo) accept() (inheritance, bool) {
	in := inheritance{origin: Origin{Dir: string(s.Dir)}}
	switch s.Kind {
	case Restarted.String():
		in.origin.Kind = Restarted
		if s.PID != os.Getpid() {
			return in, false
		}
		in.files = s.takeFiles()
		if s.Report == 0 {
			return in, true
		}
		in.detached = s.Detached
	case Respawned.String():
		in.origin.Kind, in.origin.Trouble, in.program = Respawned, s.Trouble, string(s.Path)
		return in, s.PID == os.Getpid()
	case Detached.String():
		in.origin.Kind, in.detached = Detached, true
	case Trial.String():
		in.origin.Kind = Trial
	default:
		return in, false
	}
	if !s.pipeIsThere() {
		return in, false
	}
	unix.CloseOnExec(s.Report)
	in.report = os.NewFile(uintptr(s.Report), "report")
	return in, true
}

// pipeIsThere reports whether this process has the pipe for the report.
func (s startInfo) pipeIsThere() bool {
	inode, err := pipeInode(s.Report)
	return err == nil && inode == s.Pipe
}

// putReport puts the pipe for the report into s.
func (s *startInfo) putReport(pipe *os.File) (err error) {
	s.Report = int(pipe.Fd())
	s.Pipe, err = pipeInode(s.Report)
	return err
}

// readState returns the state, however it travelled.
func (s startInfo) readState() ([]byte, error) {
	if s.StateFile == 0 {
		return s.State, nil
	}
	unix.CloseOnExec(s.StateFile)
	f := os.NewFile(uintptr(s.StateFile), "state")
	if f == nil {
		return nil, errors.New("no state file")
	}
	defer f.Close()
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	return io.ReadAll(f)
}

// putState puts state into s. A state that is too long for the environment
// goes to an unlinked file, which is returned; its descriptor is the caller's
// to pass on and to note in s.
func (s *startInfo) putState(state []byte) (*os.File, error) {
	if len(state) <= maxInlineState {
		s.State = state
		return nil, nil
	}
	f, err := anonymousFile()
	if err != nil {
		return nil, fmt.Errorf("hand over %d bytes of state: %w", len(state), lacks(err))
	}
	if _, err := f.Write(state); err != nil {
		f.Close()
		return nil, fmt.Errorf("hand over %d bytes of state: %w", len(state), err)
	}
	return f, nil
}

// environment returns this process's environment with s in it.
func (s startInfo) environment() ([]string, error) {
	text, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, startVariable+"=") {
			env = append(env, v)
		}
	}
	return append(env, startVariable+"="+string(text)), nil
}

// unlinkedFile returns a file in the folder for temporary files that has no
// name.
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

// pipeInode returns the inode of the pipe at descriptor fd.
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
