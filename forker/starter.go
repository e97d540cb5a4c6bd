package forker

import (
	"runtime"
	"sync"
)

// starterThread is the one thread that starts children. Linux kills a child
// with the thread that started it (PDEATHSIG in prctl(2)), so that thread must
// live as long as any child does: a goroutine owns it from the first hold to
// the last release.
type starterThread struct {
	mu      sync.Mutex
	holders int
	work    chan func()
}

// starter is this process's starter thread.
var starter starterThread

// hold keeps the thread until release.
func (s *starterThread) hold() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.holders++; s.holders > 1 {
		return
	}
	work := make(chan func())
	s.work = work
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		for f := range work {
			f()
		}
	}()
}

// holdIfHeld keeps the thread, as hold does, if somebody does so already.
func (s *starterThread) holdIfHeld() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.holders == 0 {
		return false
	}
	s.holders++
	return true
}

func (s *starterThread) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.holders--; s.holders == 0 {
		close(s.work)
	}
}

// do runs f on the thread, which the caller holds, and waits for it.
func (s *starterThread) do(f func()) {
	done := make(chan struct{})
	s.work <- func() {
		defer close(done)
		f()
	}
	<-done
}

// OnStarterThread runs f on the thread that starts the children, and returns
// when f does. A process that executes another program in its place
// (reexec.OS.Exec) while children live must do so there: the exec ends every
// other thread, and Linux kills a child that has not reached [Main] when the
// thread that started it ends. Where no child lives, f runs as it is.
func OnStarterThread(f func()) {
	if !starter.holdIfHeld() {
		f()
		return
	}
	defer starter.release()
	starter.do(f)
}
