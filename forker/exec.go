package forker

import (
	"fmt"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// Exec replaces this process's image by img: same PID, same parent, same
// standard streams, and img.Files under the same descriptors. It returns only
// when that fails, and then everything is as it was: working directory,
// environment, and the descriptors' close-on-exec flags. Call Quiesce first,
// and Listen again after a failure. On Linux, children that asked to die with
// their parent (Pdeathsig) die, because the thread that started them does.
func (m *Machine) Exec(img Image) error {
	return wrap("exec "+img.Path, m.exec(img))
}

func (m *Machine) exec(img Image) error {
	birth := certificate{
		Kind: Restarted.String(), Dir: img.Dir, PID: os.Getpid(), Ignored: m.ears.leftIgnored(),
	}
	state, err := birth.carry(img.State)
	if err != nil {
		return err
	}
	files := img.Files
	if state != nil {
		defer state.Close()
		birth.StateFile = int(state.Fd())
		files = append(files[:len(files):len(files)], state)
	}
	env, err := withBirth(birth)
	if err != nil {
		return err
	}
	back, err := changeDir(startDir(img.Dir))
	if err != nil {
		return err
	}
	defer back()

	// Nobody may start a child while the files are open to be inherited.
	syscall.ForkLock.Lock()
	defer syscall.ForkLock.Unlock()
	defer runtime.KeepAlive(img.Files)
	restore, err := inheritable(files)
	defer restore()
	if err != nil {
		return err
	}
	return startError(img.Path, syscall.Exec(img.Path, append([]string{img.Path}, img.Args...), env))
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

// inheritable lets the next image have files; restore takes that back.
func inheritable(files []*os.File) (restore func(), err error) {
	var changed []int
	restore = func() {
		for _, fd := range changed {
			unix.CloseOnExec(fd)
		}
	}
	for _, f := range files {
		fd := int(f.Fd())
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		if err == nil && flags&unix.FD_CLOEXEC != 0 {
			_, err = unix.FcntlInt(uintptr(fd), unix.F_SETFD, flags&^unix.FD_CLOEXEC)
			changed = append(changed, fd)
		}
		if err != nil {
			return restore, fmt.Errorf("pass on %s: %w", f.Name(), err)
		}
	}
	return restore, nil
}
