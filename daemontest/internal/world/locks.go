package world

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/evertick/evertick/lock"
)

// LockStore is the locks of the world: lock files are real ones, on the disk of
// the machine; every other lock is kept in memory. It is safe for concurrent
// use.
type LockStore struct {
	files  *Files
	memory *lock.Memory
	clock  *storeClock
	among  lock.Processes
	LockFaults

	mu      sync.Mutex            // held for instants only
	holders map[string]lock.Owner // the latest ones of lock files, by real path
	outside map[string]lock.Lease // lock files that no process of the world holds
	used    map[string]bool       // whether a daemon got it, by the locks that one has asked for
	kept    []string
}

func newLockStore(files *Files, clock *Clock, among lock.Processes) *LockStore {
	own := &storeClock{Clock: clock}
	return &LockStore{
		files: files, memory: lock.NewMemory(own), clock: own, among: among,
		holders: map[string]lock.Owner{}, outside: map[string]lock.Lease{}, used: map[string]bool{},
	}
}

// Memory returns the store of the locks that are no files.
func (s *LockStore) Memory() *lock.Memory { return s.memory }

// StepClock moves the clock of the store, by which leases in a network end.
func (s *LockStore) StepClock(d time.Duration) { s.clock.steps.Add(int64(d)) }

// Kept returns the locks that processes still held when they exited.
func (s *LockStore) Kept() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.kept)
}

// Used returns the sorted names of the locks that daemons have asked for.
func (s *LockStore) Used() []string { return s.usedIf(false) }

// Taken returns the sorted names of the locks that daemons have had.
func (s *LockStore) Taken() []string { return s.usedIf(true) }

func (s *LockStore) usedIf(taken bool) (names []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, got := range s.used {
		if got || !taken {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// file returns the real path of a lock file.
func (s *LockStore) file(url string) (path string, ok bool) {
	if path, ok = strings.CutPrefix(url, "file:"); ok {
		path = s.files.real(path)
	}
	return path, ok
}

// Holder returns who holds the lock of that URL; false when nobody does.
func (s *LockStore) Holder(url string) (who lock.Owner, held bool) {
	path, ok := s.file(url)
	if !ok {
		who, _, held = s.memory.Holder(url)
		return who, held
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	who, held = s.holders[path]
	return who, held
}

// Steal gives the lock of that URL to somebody outside of the world. Who holds a
// lock file keeps it, but the path leads to another one from now on.
func (s *LockStore) Steal(url string, thief lock.Owner) error {
	path, ok := s.file(url)
	if !ok {
		s.memory.Steal(url, thief, 0)
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return err
	}
	lease, err := lock.File(path).Among(s.among).Acquire(context.Background(), thief)
	if err != nil {
		return err
	}
	s.outside[path], s.holders[path] = lease, thief
	return nil
}

// Free ends the hold of the owner of the lock of that URL. A lock file whose
// holder lives on is deleted instead.
func (s *LockStore) Free(url string) error {
	path, ok := s.file(url)
	if !ok {
		s.memory.Evict(url)
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.holders, path)
	if lease := s.outside[path]; lease != nil {
		delete(s.outside, path)
		return lease.Release(context.Background())
	}
	if err := os.Remove(path); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// closeAll gives up what nobody of the world holds.
func (s *LockStore) closeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, lease := range s.outside {
		_ = lease.Release(context.Background())
	}
}

// end is for a process that is no more. What it held and has not been killed
// for is noted.
func (s *LockStore) end(host string, pid int, killed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !killed {
		s.kept = append(s.kept, s.memory.Held(host, pid)...)
	}
	for path, who := range s.holders {
		if who.Host == host && who.PID == pid {
			delete(s.holders, path)
			if !killed {
				s.kept = append(s.kept, "file:"+s.files.Plain(path))
			}
		}
	}
	slices.Sort(s.kept)
	s.memory.Kill(host, pid)
}

// holds notes that somebody has a lock now; path is that of a lock file.
func (s *LockStore) holds(name, path string, who lock.Owner) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used[name] = true
	if path != "" {
		s.holders[path] = who
	}
}

// asked notes that somebody asks for a lock.
func (s *LockStore) asked(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.used[name] {
		s.used[name] = false
	}
}

// released notes that a process has given a lock file back.
func (s *LockStore) released(path string, who lock.Owner) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := s.holders[path]; now.Host == who.Host && now.PID == who.PID {
		delete(s.holders, path)
	}
}
