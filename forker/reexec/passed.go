package reexec

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// passedFile is a file that an exec keeps open, and which one it is: by the time
// that it is looked at, its descriptor may have become another file's.
type passedFile struct {
	FD     int    `json:"fd"`
	Device uint64 `json:"device"`
	Inode  uint64 `json:"inode"`
}

// passed describes an open descriptor.
func passed(fd int) (passedFile, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return passedFile{}, err
	}
	return passedFile{FD: fd, Device: uint64(st.Dev), Inode: uint64(st.Ino)}, nil
}

// passedOf describes an open file, without a call of its Fd: that would end its
// deadlines, which are needed if the exec fails.
func passedOf(file *os.File) (f passedFile, err error) {
	raw, err := file.SyscallConn()
	if err != nil {
		return f, err
	}
	controlErr := raw.Control(func(fd uintptr) { f, err = passed(int(fd)) })
	return f, errors.Join(err, controlErr)
}

// there reports whether the descriptor is still that file.
func (f passedFile) there() bool {
	now, err := passed(f.FD)
	return err == nil && now == f
}

// putFiles puts what the next program is given into s: files, and those that
// this program was given itself and has not taken over. It returns all of their
// descriptors.
func (s *startInfo) putFiles(files []*os.File, given []passedFile) (fds []int, err error) {
	for _, file := range files {
		f, err := passedOf(file)
		if err != nil {
			return nil, err
		}
		s.Files = append(s.Files, f)
		fds = append(fds, f.FD)
	}
	for _, f := range given {
		if f.there() {
			s.Files = append(s.Files, f)
			fds = append(fds, f.FD)
		}
	}
	return fds, nil
}

// takeFiles keeps what this program was given from its children: whatever it
// starts before it takes them over must not have them.
func (s startInfo) takeFiles() (given []passedFile) {
	for _, f := range s.Files {
		if f.there() {
			unix.CloseOnExec(f.FD)
			given = append(given, f)
		}
	}
	return given
}
