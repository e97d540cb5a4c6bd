package retain

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evertick/evertick/logfile"
)

// folder is where the files of a log are.
type folder struct {
	dir     string
	site    logfile.Site
	deleted []string
}

// list returns the daemon's own files, without the one that is written.
func (f *folder) list() (own []entry, err error) {
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		return nil, err
	}
	written := []string{filepath.Base(f.site.Path), f.site.Base(f.site.Wall)}
	for _, d := range entries {
		e, ok := parse(d.Name(), f.site.Base, f.site.Wall.Location())
		if ok && e.name != written[0] && e.name != written[1] && f.isOwn(e) {
			own = append(own, e)
		}
	}
	return own, nil
}

// isOwn reports whether this daemon has written the file.
func (f *folder) isOwn(e entry) bool {
	file, err := f.open(e.name)
	if err != nil {
		return false
	}
	defer file.Close()
	var r io.Reader = file
	if e.gz {
		if r, err = gzip.NewReader(file); err != nil {
			return false
		}
	}
	line, _ := bufio.NewReader(io.LimitReader(r, 4096)).ReadString('\n')
	return logfile.HasHeader(line, f.site.Daemon)
}

// errForeign says that a file is not one that a log makes.
var errForeign = errors.New("it is not a file of our own")

// open opens a regular file of our own that has one name.
func (f *folder) open(name string) (*os.File, error) {
	file, err := os.OpenFile(filepath.Join(f.dir, name), os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(file.Fd()), &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFREG ||
		st.Nlink != 1 || int(st.Uid) != unix.Geteuid() {
		return nil, errors.Join(errForeign, file.Close())
	}
	return file, nil
}

// free returns how many bytes of the disk the user may still fill; as many as can
// be where that cannot be told.
func (f *folder) free() int64 {
	var st unix.Statfs_t
	if err := unix.Statfs(f.dir, &st); err != nil {
		return 1<<63 - 1
	}
	return int64(st.Bavail) * int64(st.Bsize)
}

// compress compresses what is left and is not compressed yet.
func (f *folder) compress(ctx context.Context) error {
	own, err := f.list()
	if err != nil {
		return err
	}
	sortByAge(own)
	var errs []error
	for _, e := range own {
		if !e.gz && ctx.Err() == nil {
			errs = append(errs, f.compressOne(ctx, e))
		}
	}
	return errors.Join(errs...)
}

// compressOne puts a compressed file in the place of a file. A crash in between
// leaves the file, and a part that the next attempt replaces. A file that the log has
// turned to again meanwhile, as after a step of the clock, is left alone.
func (f *folder) compressOne(ctx context.Context, e entry) (err error) {
	name := e.name
	from, err := f.open(name)
	if err != nil {
		return err
	}
	defer from.Close()
	info, err := from.Stat()
	if err != nil {
		return err
	}
	target := filepath.Join(f.dir, name+zipped)
	if _, err := os.Lstat(target); err == nil && !f.isOwn(entry{name: name + zipped, gz: true}) {
		return &fs.PathError{Op: "compress to", Path: target, Err: errForeign}
	}
	part := target + partial
	if old, err := f.open(name + zipped + partial); err == nil { // of a process that was killed
		if err := errors.Join(old.Close(), os.Remove(part)); err != nil {
			return err
		}
	}
	to, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, info.Mode().Perm())
	if err != nil {
		return err
	}
	if err := errors.Join(zip(ctx, to, from), to.Close()); err != nil {
		return errors.Join(err, os.Remove(part))
	}
	if target, err = f.place(e, part, target); err != nil {
		return errors.Join(err, os.Remove(part))
	}
	f.hold(func(path string) {
		now, statErr := os.Lstat(from.Name())
		if path == from.Name() || statErr != nil || !os.SameFile(now, info) || now.Size() != info.Size() {
			err = os.Remove(part)
			return
		}
		if err = os.Rename(part, target); err != nil {
			err = errors.Join(err, os.Remove(part))
			return
		}
		err = os.Remove(from.Name())
	})
	return err
}

// hold calls what must not happen while the log opens or writes a file.
func (f *folder) hold(do func(path string)) {
	if f.site.Hold == nil {
		do("")
		return
	}
	f.site.Hold(do)
}

// remove deletes a file, unless it is written by now.
func (f *folder) remove(path string) (written bool, err error) {
	f.hold(func(open string) {
		if written = open == path; !written {
			err = os.Remove(path)
		}
	})
	return written, err
}

// place returns where a compressed file belongs: the target, unless that holds
// something else, which the log wrote when it was that day before.
func (f *folder) place(e entry, part, target string) (string, error) {
	if _, err := os.Lstat(target); errors.Is(err, fs.ErrNotExist) || f.trailer(part) == f.trailer(target) {
		return target, nil
	}
	base := f.site.Base(e.day.Add(12 * time.Hour))
	number, err := nextNumber(f.site, f.dir, base, e.day)
	return filepath.Join(f.dir, aside(base, e.day, number)+zipped), err
}

// trailer returns the checksum and the size that a compressed file ends with
// (RFC 1952, section 2.3.1); the zero value where it cannot be read.
func (f *folder) trailer(path string) (t [8]byte) {
	file, err := f.open(filepath.Base(path))
	if err != nil {
		return t
	}
	defer file.Close()
	if end, err := file.Seek(-int64(len(t)), io.SeekEnd); err == nil {
		_, _ = file.ReadAt(t[:], end) // what is not read differs
	}
	return t
}

// zip copies in pieces, so that it ends soon when ctx is done.
func zip(ctx context.Context, to *os.File, from io.Reader) error {
	w := gzip.NewWriter(to)
	for {
		switch _, err := io.CopyN(w, from, 256<<10); {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, io.EOF):
			if err := w.Close(); err != nil {
				return err
			}
			return to.Sync() // the file is deleted next
		case err != nil:
			return err
		}
	}
}
