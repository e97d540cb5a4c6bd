package reexec

import (
	"bufio"
	"context"
	"encoding/json"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/evertick/evertick/forker/internal/process"
)

// kindWatcher is the kind of a process that waits for the death of another one.
const kindWatcher = "watcher"

// What a process tells its watcher, a line each. The end of the pipe is the end of the
// process.
const (
	sayDeath  = "+\n" // its end is a death from now on
	sayStop   = "-\n" // its end is a stop from now on
	stateMark = "="   // the rest of the line is a state, as JSON
)

// sayState is the line that tells a state.
func sayState(state []byte) (string, error) {
	text, err := json.Marshal(state)
	return stateMark + string(text) + "\n", err
}

// ignoredByWatcher are signals that are often sent to all processes of a name.
var ignoredByWatcher = []os.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGUSR1, syscall.SIGUSR2}

// watchOver is what a watcher does instead of its program's own main:
//
//  1. It waits for the end of the process, and reads what that tells it.
//  2. Where the end is a stop, it ends, too.
//  3. Else it executes the program as a Respawned one.
func (s startInfo) watchOver() {
	debug.SetGCPercent(-1) // there is next to nothing to collect, and nothing may wake it
	nameProcess("watcher")
	signal.Ignore(ignoredByWatcher...)
	unix.CloseOnExec(s.Report)
	_ = unix.SetNonblock(s.Report, false) // so that nothing but the kernel waits for it
	closeInherited(s.Report)
	died, known := process.Find(s.PID)
	if os.Getppid() != s.PID { // the number may have been another's by then
		known = os.ErrProcessDone
	}
	death := s.follow(os.NewFile(uintptr(s.Report), "watched process"))
	if known == nil {
		_ = died.Wait(context.Background()) // its descriptors are closed before it has ended
	}
	if death {
		s.respawn()
	}
	unix.Exit(0)
}

// follow reads until the end of the pipe, keeps the latest state, and reports whether
// the end is a death.
func (s *startInfo) follow(pipe *os.File) (death bool) {
	state := ""
	for lines := bufio.NewReaderSize(pipe, 512); ; {
		line, err := lines.ReadString('\n')
		if err != nil {
			break
		}
		switch {
		case line == sayDeath:
			death = true
		case line == sayStop:
			death = false
		case strings.HasPrefix(line, stateMark):
			state = line[len(stateMark):]
		}
	}
	if state != "" {
		_ = json.Unmarshal([]byte(state), &s.State)
	}
	return death
}

// respawn executes the program. It returns only where that fails.
func (s startInfo) respawn() {
	program := string(s.Path)
	args := []string{program}
	for _, arg := range s.Args {
		args = append(args, string(arg))
	}
	next := startInfo{Kind: Respawned.String(), Dir: s.Dir, PID: os.Getpid(), Path: s.Path}
	for _, sig := range ignoredByWatcher {
		next.Ignored = append(next.Ignored, sig.(syscall.Signal))
	}
	state, err := next.putState(s.State)
	if err == nil && state != nil {
		next.StateFile = int(state.Fd())
		_, err = makeInheritable([]int{next.StateFile})
	}
	env, envErr := next.environment()
	if err != nil || envErr != nil || os.Chdir(startDir(string(s.Dir))) != nil {
		return
	}
	_ = syscall.Exec(respawnProgram(program), args, env)
	_ = syscall.Exec(program, args, env)
}
