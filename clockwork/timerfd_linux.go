package clockwork

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// timerfd is a timer of the kernel's, timerfd_create(2), that is read through the
// runtime's poller: no thread waits for it. Its resolution is that of the kernel's
// high-resolution timers, where the runtime's own timers are waited for by whole
// milliseconds.
type timerfd struct {
	file *os.File
	fd   int
	buf  [8]byte
}

// newTimerfd returns a timer of one of the kernel's clocks. No program that is
// executed and no child has its descriptor.
func newTimerfd(clock int) (*timerfd, error) {
	fd, err := unix.TimerfdCreate(clock, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("timerfd_create", err)
	}
	return &timerfd{file: os.NewFile(uintptr(fd), "timerfd"), fd: fd}, nil
}

// set makes wait return when the clock reads at; at once where it has passed.
func (t *timerfd) set(at time.Duration) error {
	due := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(max(at, 1)))} // 0 would disarm it
	return os.NewSyscallError("timerfd_settime", unix.TimerfdSettime(t.fd, unix.TFD_TIMER_ABSTIME, &due, nil))
}

// wait blocks until the time that was set last.
func (t *timerfd) wait() error {
	_, err := t.file.Read(t.buf[:])
	return err
}

// wake makes wait return an error.
func (t *timerfd) wake() { _ = t.file.SetReadDeadline(time.Unix(1, 0)) }
