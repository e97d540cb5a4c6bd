package lock_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"golang.org/x/sys/unix"

	"github.com/evertick/evertick/lock"
)

// A lock file on a file system that does not lock is refused, with what to do. The
// file system is a real one: this test serves it, by FUSE, in a mount namespace that
// ends with its thread.
func TestFileOnAFileSystemWithoutLocks(t *testing.T) {
	dir := t.TempDir()
	mounted := make(chan error, 1)
	go func() { // whose thread has the mount, and ends with it
		var err error
		defer func() { mounted <- err }()
		runtime.LockOSThread()
		var device int
		if device, err = mountFUSE(dir); err != nil {
			return
		}
		fs := &noLocks{device: device}
		served := make(chan error, 1)
		go func() { served <- fs.serve() }()
		for _, errno := range []unix.Errno{unix.ENOLCK, unix.EOPNOTSUPP, unix.ENOSYS} {
			fs.answer.Store(uint32(errno))
			_, err := lock.File(filepath.Join(dir, "x.lock")).Acquire(t.Context(), self())
			assert.ErrorIs(t, err, errno)
			assert.ErrorContains(t, err, "this file system does not lock")
			assert.ErrorContains(t, err, "put the lock file on a local one, for example under /run")
			assert.NotErrorIs(t, err, lock.ErrHeld)
		}
		assert.NoError(t, unix.Unmount(dir, 0))
		assert.ErrorIs(t, <-served, unix.ENODEV)
		assert.NoError(t, unix.Close(device))
	}()
	if err := <-mounted; err != nil {
		t.Skipf("no file system can be mounted here, which takes root and /dev/fuse: %v", err)
	}
}

// mountFUSE mounts a file system that the device it returns asks for, for this thread
// alone.
func mountFUSE(dir string) (device int, err error) {
	if err = unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return 0, fmt.Errorf("unshare: %w", err)
	}
	if err = unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return 0, fmt.Errorf("make mounts private: %w", err)
	}
	if device, err = unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0); err != nil {
		return 0, fmt.Errorf("open /dev/fuse: %w", err)
	}
	options := fmt.Sprintf("fd=%d,rootmode=40000,user_id=%d,group_id=%d", device, os.Getuid(), os.Getgid())
	if err = unix.Mount("nolocks", dir, "fuse", unix.MS_NODEV|unix.MS_NOSUID, options); err != nil {
		_ = unix.Close(device)
		return 0, fmt.Errorf("mount: %w", err)
	}
	return device, nil
}

// noLocks is a file system with one empty file, which answers flock(2) with an error:
// what of FUSE's protocol, linux/fuse.h, that takes.
type noLocks struct {
	device int
	answer atomic.Uint32 // a unix.Errno
}

// The requests that are answered with more than ENOSYS.
const (
	fuseLookup  = 1
	fuseForget  = 2
	fuseGetattr = 3
	fuseOpen    = 14
	fuseRead    = 15
	fuseStatfs  = 17
	fuseRelease = 18
	fuseInit    = 26
	fuseSetlk   = 32
)

type fuseRequest struct {
	Len, Opcode   uint32
	Unique, Node  uint64
	UID, GID, PID uint32
	_             uint32
}

type fuseAttr struct {
	Ino, Size, Blocks, Atime, Mtime, Ctime uint64
	AtimeNs, MtimeNs, CtimeNs              uint32
	Mode, Nlink, UID, GID, Rdev, Blksize   uint32
	_                                      uint32
}

// serve answers until the file system is unmounted.
func (fs *noLocks) serve() error {
	buf := make([]byte, 1<<17)
	for {
		n, err := unix.Read(fs.device, buf)
		if errors.Is(err, unix.EINTR) || errors.Is(err, unix.ENOENT) { // the request was taken back
			continue
		}
		if err != nil {
			return err
		}
		var in fuseRequest
		if err := binary.Read(bytes.NewReader(buf[:n]), binary.NativeEndian, &in); err != nil {
			return err
		}
		if in.Opcode == fuseForget {
			continue
		}
		errno, body := fs.reply(in)
		var out bytes.Buffer
		err = binary.Write(&out, binary.NativeEndian, struct {
			Len    uint32
			Errno  int32
			Unique uint64
		}{uint32(16 + binary.Size(body)), -int32(errno), in.Unique})
		if err == nil {
			err = binary.Write(&out, binary.NativeEndian, body)
		}
		if err == nil {
			_, err = unix.Write(fs.device, out.Bytes())
		}
		if err != nil && !errors.Is(err, unix.ENOENT) {
			return err
		}
	}
}

// reply returns an error, or the answer.
func (fs *noLocks) reply(in fuseRequest) (unix.Errno, any) {
	const file = 2 // the root is node 1
	attr := func(node uint64) fuseAttr {
		a := fuseAttr{Ino: node, Nlink: 1, Mode: unix.S_IFREG | 0o644, UID: uint32(os.Getuid()), GID: uint32(os.Getgid()), Blksize: 4096}
		if node != file {
			a.Mode = unix.S_IFDIR | 0o755
		}
		return a
	}
	switch in.Opcode {
	case fuseInit:
		const flockLocks, version, minor, maxWrite = 1 << 10, 7, 31, 4096
		return 0, [16]uint32{version, minor, 0, flockLocks, 0, maxWrite, 1}
	case fuseLookup:
		return 0, struct {
			Node, Generation, Valid, AttrValid uint64
			ValidNs, AttrValidNs               uint32
			Attr                               fuseAttr
		}{Node: file, Attr: attr(file)}
	case fuseGetattr:
		return 0, struct {
			Valid      uint64
			ValidNs, _ uint32
			Attr       fuseAttr
		}{Attr: attr(in.Node)}
	case fuseOpen:
		return 0, [2]uint64{}
	case fuseStatfs:
		return 0, [10]uint64{}
	case fuseRead, fuseRelease:
		return 0, struct{}{}
	case fuseSetlk:
		return unix.Errno(fs.answer.Load()), struct{}{}
	}
	return unix.ENOSYS, struct{}{}
}
