package reexec

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/forker/internal/process"
	"github.com/evertick/evertick/internal/safefile"
)

// kindWatcher is the kind of a process that waits for the death of another one.
const kindWatcher = "watcher"

// What a process tells its watcher, a line each. The end of the pipe is the end of the
// process.
const (
	sayDeath  = "+\n" // its end is a death from now on
	sayStop   = "-\n" // its end is a stop from now on
	stateMark = "="   // the rest of the line is a state, as JSON
	logMark   = ">"   // the rest of the line is the path of the log, as JSON; empty for none
)

// The pauses of a watcher that cannot execute the program: the first one, and the
// longest.
const (
	respawnPause    = time.Second
	maxRespawnPause = time.Minute
)

// order is what a watcher is to execute, and where it can say that it cannot. It
// travels as a State, because a command line can be longer than a variable of the
// environment.
type order struct {
	Args  []path `json:"args,omitempty"`
	State []byte `json:"state,omitempty"`
	Log   path   `json:"log,omitempty"`
}

// orderOf is the order to execute p.
func orderOf(p Program) []byte {
	o := order{State: p.State}
	for _, arg := range p.Args {
		o.Args = append(o.Args, path(arg))
	}
	if file := crash.path.Load(); file != nil {
		o.Log = path(*file)
	}
	text, _ := json.Marshal(o) // which has nothing that could fail
	return text
}

// sayState is the line that tells a state.
func sayState(state []byte) (string, error) {
	text, err := json.Marshal(state)
	return stateMark + string(text) + "\n", err
}

// sayLog is the line that tells where the log is.
func sayLog(file string) string {
	text, _ := json.Marshal(path(file)) // which has nothing that could fail
	return logMark + string(text) + "\n"
}

// ignoredByWatcher are signals that are often sent to all processes of a name.
var ignoredByWatcher = []os.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGUSR1, syscall.SIGUSR2}

// watchOver is what a watcher does instead of its program's own main:
//
//  1. It waits for the end of the process, and reads what that tells it.
//  2. Where the end is a stop, it ends, too.
//  3. Else it executes the program as a Respawned one. Where that fails, it says so in
//     the log, and tries again and again.
func (s startInfo) watchOver() {
	var o order
	if text, err := s.readState(); err != nil || json.Unmarshal(text, &o) != nil {
		unix.Exit(1)
	}
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
	death := o.follow(os.NewFile(uintptr(s.Report), "watched process"))
	if known == nil {
		_ = died.Wait(context.Background()) // its descriptors are closed before it has ended
	}
	if death {
		s.respawn(o)
	}
	unix.Exit(0)
}

// follow reads until the end of the pipe, keeps the latest state and log, and reports
// whether the end is a death.
func (o *order) follow(pipe *os.File) (death bool) {
	state, log := "", ""
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
		case strings.HasPrefix(line, logMark):
			log = line[len(logMark):]
		}
	}
	if state != "" {
		_ = json.Unmarshal([]byte(state), &o.State)
	}
	if log != "" {
		_ = json.Unmarshal([]byte(log), &o.Log)
	}
	return death
}

// respawn executes the program, and tries again until it can.
func (s startInfo) respawn(o order) {
	debug.SetGCPercent(100) // it may take days
	clock := clockwork.Real()
	began, logged := clock.Boot(), ""
	for n := 0; ; n++ {
		err := s.execute(o)
		if text := err.Error(); text != logged {
			o.log(clock, fmt.Sprintf("Error: PID %d has died, and its watcher cannot start it again: exec %s: %s. It tries again and again, at least once in %s",
				s.PID, s.Path, text, maxRespawnPause))
			logged = text
		}
		_ = clockwork.Sleep(context.Background(), clock, clockwork.Backoff(respawnPause, maxRespawnPause, n, string(s.Path)))
		s.Trouble = fmt.Sprintf("Its watcher could not start it again for %s: exec %s: %s",
			(clock.Boot() - began).Round(time.Second), s.Path, logged)
	}
}

// log writes a line as the daemon's log has it, as far as that can be done.
func (o *order) log(clock clockwork.Clock, text string) {
	file, err := safefile.Open(string(o.Log), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return
	}
	fmt.Fprintf(file, "[%s] %d %s\n", clock.Wall().Format(time.DateTime), os.Getpid(), text)
	file.Close()
}

// execute executes the program. It returns only where that fails.
func (s startInfo) execute(o order) error {
	program := string(s.Path)
	args := []string{program}
	for _, arg := range o.Args {
		args = append(args, string(arg))
	}
	next := startInfo{Kind: Respawned.String(), Dir: s.Dir, PID: os.Getpid(), Path: s.Path, Trouble: s.Trouble}
	for _, sig := range ignoredByWatcher {
		next.Ignored = append(next.Ignored, sig.(syscall.Signal))
	}
	state, err := next.putState(o.State)
	if err == nil && state != nil {
		defer state.Close()
		next.StateFile = int(state.Fd())
		_, err = makeInheritable([]int{next.StateFile})
	}
	env, envErr := next.environment()
	if err := errors.Join(err, envErr, os.Chdir(startDir(string(s.Dir)))); err != nil {
		return err
	}
	_ = syscall.Exec(respawnProgram(program), args, env)
	return explain(program, syscall.Exec(program, args, env))
}
