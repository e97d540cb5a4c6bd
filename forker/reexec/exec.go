package reexec

import (
	"fmt"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/evertick/evertick/forker/signals"
)

// Exec replaces this process's program by p: same PID, same parent, same
// standard streams, and p.Files under the same descriptors. No child has these: none
// that is started meanwhile, and none that the next program starts before it takes
// them over. What it has not taken over, it passes on once more. A report that is
// still waited for is the next program's to give. It returns only when that fails,
// and then everything is as it was: working directory, environment, and the
// descriptors' close-on-exec flags. Call Quiesce of
// package signals first, and Listen again after a failure. Where p.Version says
// which file was tried, another one is refused with ErrChanged: it is looked for
// last of all, some microseconds before the kernel opens the file. On Linux, children
// that asked to die with their parent (Pdeathsig) die, because the thread that
// started them does.
func (o *OS) Exec(p Program) error {
	defer o.self.spare.lend()()
	return wrap("exec "+p.Path, execute(p))
}

func execute(p Program) error {
	info := startInfo{
		Kind: Restarted.String(), Dir: path(p.Dir), PID: os.Getpid(), Ignored: signals.System().Ignored(), Kept: signals.System().Kept(),
	}
	state, err := info.putState(p.State)
	if err != nil {
		return err
	}
	var own []int // that this package passes on
	if state != nil {
		defer state.Close()
		info.StateFile = int(state.Fd())
		own = append(own, info.StateFile)
	}
	reporter := &thisProcess().reporter
	reporter.mu.Lock()
	defer reporter.mu.Unlock()
	if reporter.pipe != nil { // somebody waits for the report of the next program, too
		if err := info.putReport(reporter.pipe); err != nil {
			return err
		}
		info.Detached = reporter.detached
		own = append(own, info.Report)
	}
	fds, err := info.putFiles(p.Files, inherited.files)
	if err != nil {
		return err
	}
	crashFDs, done := info.putCrash()
	defer done()
	own = append(own, crashFDs...)
	watch.starting.Lock() // one that is not known yet would be nobody's to wait for
	defer watch.starting.Unlock()
	own = append(own, info.putWatcher()...)
	env, err := info.environment()
	if err != nil {
		return err
	}
	back, err := changeDir(startDir(p.Dir))
	if err != nil {
		return err
	}
	defer back()

	// No child may be started while the files are open to be inherited.
	syscall.ForkLock.Lock()
	defer syscall.ForkLock.Unlock()
	defer runtime.KeepAlive(p.Files)
	restore, err := makeInheritable(append(fds, own...))
	defer restore()
	if err != nil {
		return err
	}
	if p.Version != "" && p.Version != version(p.Path) { // as late as can be
		return ErrChanged
	}
	return explain(p.Path, syscall.Exec(p.Path, append([]string{p.Path}, p.Args...), env))
}

// changeDir changes the working directory and returns the way back.
func changeDir(dir string) (back func(), err error) {
	here, openErr := os.Open(".")
	path, _ := os.Getwd()
	if err := os.Chdir(dir); err != nil {
		if openErr == nil {
			here.Close()
		}
		return nil, err
	}
	return func() {
		if openErr != nil {
			_ = os.Chdir(path)
			return
		}
		_ = here.Chdir()
		here.Close()
	}, nil
}

// makeInheritable lets the next program have descriptors; restore takes that
// back.
func makeInheritable(fds []int) (restore func(), err error) {
	var changed []int
	restore = func() {
		for _, fd := range changed {
			unix.CloseOnExec(fd)
		}
	}
	for _, fd := range fds {
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		if err == nil && flags&unix.FD_CLOEXEC != 0 {
			_, err = unix.FcntlInt(uintptr(fd), unix.F_SETFD, flags&^unix.FD_CLOEXEC)
			changed = append(changed, fd)
		}
		if err != nil {
			return restore, fmt.Errorf("pass on descriptor %d: %w", fd, err)
		}
	}
	return restore, nil
}
