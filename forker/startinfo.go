package forker

import (
	"encoding/json"
	"errors"
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// startVariable is the environment variable that makes a process a child. It is
// read once and removed, so that no other process inherits it.
const startVariable = "EVERTICK_CHILD"

// The descriptors of a child's private pipes.
const (
	// inputFD carries the argument, then a worker's calls: its end is the
	// daemon's.
	inputFD = 3

	// messagesFD carries what the child says.
	messagesFD = 4
)

// startInfo is what a child is told, as JSON.
type startInfo struct {
	Task     string `json:"task"`
	Worker   bool   `json:"worker,omitempty"`
	Parent   int    `json:"parent"`    // the daemon's PID
	Pipe     uint64 `json:"pipe"`      // the inode of the pipe at messagesFD
	Length   int    `json:"length"`    // of the argument, in bytes
	MaxBytes int    `json:"max_bytes"` // of a result, and of a call's argument
	Nice     int    `json:"nice,omitempty"`
	Memory   int64  `json:"memory,omitempty"`

	Outlives bool `json:"outlives,omitempty"` // an exec of the daemon

	Setup bool     `json:"setup,omitempty"`
	Args  []string `json:"args,omitempty"`
}

// inherited is what this process was told while its packages start; nil where
// it is no child. A process that finds another file in the pipe's place has
// inherited the variable by mistake.
var inherited = inherit()

func inherit() *startInfo {
	text, found := os.LookupEnv(startVariable)
	if !found {
		return nil
	}
	_ = os.Unsetenv(startVariable)
	var s startInfo
	if json.Unmarshal([]byte(text), &s) != nil {
		return nil
	}
	if inode, err := pipeInode(messagesFD); err != nil || inode != s.Pipe {
		return nil
	}
	unix.CloseOnExec(inputFD)
	unix.CloseOnExec(messagesFD)
	runtime.LockOSThread() // until Main: the main thread is what dies with the parent
	return &s
}

// environment returns this process's environment, with more in it and s.
func (s startInfo) environment(more []string) ([]string, error) {
	text, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	var env []string
	for _, v := range append(os.Environ(), more...) {
		if !strings.HasPrefix(v, startVariable+"=") {
			env = append(env, v)
		}
	}
	return append(env, startVariable+"="+string(text)), nil
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
