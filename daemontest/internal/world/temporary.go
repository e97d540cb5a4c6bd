package world

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Dir is how the folder is printed in which every command of a scenario is
// typed; relative paths mean it.
const Dir = "/world"

// inMemory is where a machine has a file system in memory; tests change it.
var inMemory = "/dev/shm"

const folderPrefix = "evertick-"

// folders are those of this test binary in which the temporary folders of worlds
// are, by the folders that they are in themselves.
var folders = struct {
	mu sync.Mutex // held for instants only
	in map[string]*folder
}{in: map[string]*folder{}}

// folder is there as long as a world is in it, and locked: the kernel ends a
// lock with the test binary, however that ends, and so shows what was left
// behind.
type folder struct {
	path   string
	lock   *os.File // nil where folders cannot be locked
	worlds map[string]bool
}

// temporary makes the temporary folder of a world: in memory where the machine
// has such a file system and lets the test write there.
func temporary() (base string, err error) {
	sweepOnce()
	folders.mu.Lock()
	defer folders.mu.Unlock()
	for _, dir := range []string{inMemory, os.TempDir()} {
		f := folders.in[dir]
		if f == nil {
			if f, err = newFolder(dir); err != nil {
				continue
			}
			folders.in[dir] = f
		}
		if base, err = os.MkdirTemp(f.path, ""); err == nil {
			f.worlds[base] = true
			err = errors.Join(os.MkdirAll(base+"/root"+Dir, 0o755), os.Mkdir(base+"/dirs", 0o755))
		}
		if err == nil {
			return base, nil
		}
		f.remove(dir, base)
	}
	return "", err
}

func newFolder(dir string) (*folder, error) {
	path, err := os.MkdirTemp(dir, folderPrefix)
	if err != nil {
		return nil, err
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	return &folder{path: path, lock: lockFolder(path), worlds: map[string]bool{}}, nil
}

// remove deletes the temporary folder of a world, and with the last one the
// folder itself. The mutex is held.
func (f *folder) remove(dir, base string) {
	if base != "" {
		_ = os.RemoveAll(base)
		delete(f.worlds, base)
	}
	if len(f.worlds) > 0 {
		return
	}
	delete(folders.in, dir)
	_ = os.Remove(f.path)
	if f.lock != nil {
		_ = f.lock.Close()
	}
}

// removeTemporary deletes the temporary folder of a world, if it is there.
func removeTemporary(base string) {
	folders.mu.Lock()
	defer folders.mu.Unlock()
	for dir, f := range folders.in {
		if f.worlds[base] {
			f.remove(dir, base)
			return
		}
	}
}

// lockFolder locks a folder, and returns it open; nil where somebody else has it
// locked, or where folders cannot be locked.
func lockFolder(path string) *os.File {
	folder, err := os.Open(path)
	if err != nil {
		return nil
	}
	if unix.Flock(int(folder.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
		_ = folder.Close()
		return nil
	}
	return folder
}

var sweepOnce = sync.OnceFunc(func() { sweep(inMemory); sweep(os.TempDir()) })

// youngFolder is how old a folder may be that has been made and not locked yet.
const youngFolder = time.Minute

// sweep deletes the temporary folders that test binaries have left in dir which
// were killed, or died.
func sweep(dir string) {
	found, err := filepath.Glob(filepath.Join(dir, folderPrefix+"*"))
	if err != nil {
		return
	}
	for _, path := range found {
		info, err := os.Lstat(path)
		if err != nil || !info.IsDir() || time.Since(info.ModTime()) < youngFolder {
			continue
		}
		if folder := lockFolder(path); folder != nil {
			_ = os.RemoveAll(path)
			_ = folder.Close()
		}
	}
}
