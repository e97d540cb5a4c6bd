package world

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/lock"
)

// LockStore is the locks of the world: lock files are real ones, on the disk of
// the machine; every other lock is kept in memory. It is safe for concurrent
// use.
type LockStore struct {
	files  *Files
	memory *lock.Memory
	among  lock.Processes

	mu      sync.Mutex // held for instants only
	takes   time.Duration
	outage  error
	holders map[string]lock.Owner // the latest ones of lock files, by real path
	outside map[string]lock.Lease // lock files that no process of the world holds
	used    map[string]bool       // whether a daemon got it, by the locks that one has asked for
	kept    []string
	met     Met
}

func newLockStore(files *Files, memory *lock.Memory, among lock.Processes) *LockStore {
	return &LockStore{
		files: files, memory: memory, among: among,
		holders: map[string]lock.Owner{}, outside: map[string]lock.Lease{}, used: map[string]bool{},
	}
}

// Memory returns the store of the locks that are no files.
func (s *LockStore) Memory() *lock.Memory { return s.memory }

// SetTakes lets every operation on a lock take d.
func (s *LockStore) SetTakes(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.takes = d
}

// SetOutage lets every operation on a lock fail with cause; nil ends that.
func (s *LockStore) SetOutage(cause error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outage = cause
}

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

// networkTakes is how long an operation on a lock in a network takes at least.
const networkTakes = 10 * time.Microsecond

// Met returns how often what is wrong with the store was met.
func (s *LockStore) Met() int64 { return s.met.Load() }

// takesNow is how long an operation takes at present.
func (s *LockStore) takesNow(network bool) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.met.note(s.takes > 0)
	if network {
		return max(s.takes, networkTakes)
	}
	return s.takes
}

// outageNow is what an operation fails with at present.
func (s *LockStore) outageNow() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.met.note(s.outage != nil)
	return s.outage
}

// holds notes that somebody has a lock now.
func (s *LockStore) holds(l processLock, who lock.Owner) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used[l.String()] = true
	if l.path != "" {
		s.holders[l.path] = who
	}
}

// asked notes that somebody asks for a lock.
func (s *LockStore) asked(l processLock) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used[l.String()] = s.used[l.String()]
}

// released notes that a process has given a lock file back.
func (s *LockStore) released(l processLock, who lock.Owner) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := s.holders[l.path]; now.Host == who.Host && now.PID == who.PID {
		delete(s.holders, l.path)
	}
}

// Leased returns a lock that stands for one with a TTL in the world's store,
// until the daemon that declares it is on its host.
func Leased(name string, ttl time.Duration) lock.Locker {
	return leased{lock.NewMemory(nil).Lock(name, ttl), ttl}
}

type leased struct {
	lock.Locker
	ttl time.Duration
}

// locker is the lock that a declared one stands for, as a generation reaches
// it. A lock in a store of the test's own stays there.
func (s *LockStore) locker(g *Generation, clock clockwork.Clock, declared lock.Locker) lock.Locker {
	switch l := declared.(type) {
	case lock.FileLock:
		path, _ := strings.CutPrefix(l.String(), "file:")
		if path == "" {
			return l // which Check refuses
		}
		path = g.path(path)
		bound := lock.File(path).Bind("/", clock).(lock.FileLock)
		return processLock{bound.Among(s.among), g, s, false, s.files.real(path)}
	case leased:
		return processLock{s.memory.Lock(l.String(), l.ttl), g, s, true, ""}
	case interface{ InMemory() }:
		return processLock{declared, g, s, false, ""}
	}
	if declared.String() == "null:" {
		return declared
	}
	return processLock{s.memory.Lock(declared.String(), 0), g, s, false, ""}
}

// processLock is a lock as a generation reaches it: not while its process is
// stopped, and not once it is no more.
type processLock struct {
	lock.Locker
	g       *Generation
	store   *LockStore
	network bool
	path    string // the real one of a lock file
}

func (l processLock) String() string { return l.store.files.Plain(l.Locker.String()) }

func (l processLock) Check() error {
	if l.path != "" {
		if err := l.store.files.refusal(l.path); err != nil {
			return fmt.Errorf("lock: %w", err)
		}
	}
	return l.Locker.Check()
}

func (l processLock) Acquire(ctx context.Context, who lock.Owner) (lock.Lease, error) {
	return l.lease(ctx, "take", who, func() (lock.Lease, error) { return l.Locker.Acquire(ctx, who) })
}

func (l processLock) Inherit(ctx context.Context, who lock.Owner, handoff string) (lock.Lease, error) {
	return l.lease(ctx, "inherit", who, func() (lock.Lease, error) {
		lease, err := l.Locker.Inherit(ctx, who, handoff)
		if err == nil {
			l.g.locked.take(handoff)
		}
		return lease, err
	})
}

// lease makes a lease that the generation reaches the same way.
func (l processLock) lease(ctx context.Context, doing string, who lock.Owner, ask func() (lock.Lease, error)) (lock.Lease, error) {
	l.store.asked(l)
	if err := l.reach(ctx, doing); err != nil {
		return nil, err
	}
	lease, err := ask()
	var held *lock.HeldError
	if errors.As(err, &held) {
		return nil, &lock.HeldError{Lock: l.String(), Holder: held.Holder}
	}
	if err != nil {
		return nil, err
	}
	p := &processLease{lease, l, who}
	if l.path != "" {
		l.g.locked.add(p)
	}
	l.store.holds(l, who)
	if !l.g.alive() { // it was killed in between
		l.g.locked.end()
		return nil, l.g.freeze()
	}
	return p, nil
}

// reach takes the time that the way to the store takes.
func (l processLock) reach(ctx context.Context, doing string) error {
	if takes := l.store.takesNow(l.network); takes > 0 {
		if err := l.g.wait(ctx, laneLock, takes); err != nil {
			return fmt.Errorf("lock: %s %s: %w", doing, l, err)
		}
	}
	if !l.g.awake() {
		return l.g.freeze()
	}
	if outage := l.store.outageNow(); outage != nil {
		return fmt.Errorf("lock: %s %s: %w", doing, l, outage)
	}
	if l.path != "" {
		if err := l.store.files.refusal(l.path); err != nil {
			return fmt.Errorf("lock: %w", err)
		}
	}
	return nil
}

type processLease struct {
	lock.Lease
	lock processLock
	who  lock.Owner
}

func (l *processLease) Renew(ctx context.Context) error {
	if err := l.lock.reach(ctx, "renew"); err != nil {
		return err
	}
	err := l.Lease.Renew(ctx)
	if err == nil {
		l.lock.store.holds(l.lock, l.who)
	}
	return err
}

func (l *processLease) Release(ctx context.Context) error {
	if err := l.lock.reach(ctx, "release"); err != nil {
		return err
	}
	l.lock.store.released(l.lock, l.who)
	return l.Lease.Release(ctx)
}

func (l *processLease) Handoff() (lock.Handoff, error) {
	h, err := l.Lease.Handoff()
	if err == nil {
		h.Value, err = l.lock.g.locked.pass(h.Value, h.File)
	}
	return h, err
}

func (l *processLease) file() *os.File {
	h, err := l.Lease.Handoff()
	if err != nil {
		return nil // it was released, or lost
	}
	return h.File
}
