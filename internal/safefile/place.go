package safefile

import (
	"errors"
	"fmt"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// maxLinks is how many symbolic links are followed, as many as Linux does
// (path_resolution(7)).
const maxLinks = 40

// place is where a path leads to: a name in a folder that is held open.
type place struct {
	path      string // as it was asked for
	dir, base string // what it leads to
	folder    int    // the descriptor of dir
	shared    bool   // others may write to dir
	found     bool   // there is something of that name
	stat      unix.Stat_t
}

// Follow follows the symbolic links from path on, by the rules of Open, to the first
// path that is wanted, and returns that. Where there is none the error wraps
// fs.ErrNotExist, or says why a link is not followed.
func Follow(path string, wanted func(path string) bool) (string, error) {
	to := path
	for range maxLinks {
		if wanted(to) {
			return to, nil
		}
		p, err := look(path, to)
		if err != nil {
			return "", err
		}
		link := p.isLink()
		if link {
			to, err = p.follow()
		}
		p.close()
		switch {
		case err != nil:
			return "", err
		case !link:
			return "", p.explain(unix.ENOENT)
		}
	}
	return "", (&place{path: path}).explain(unix.ELOOP)
}

// find follows path through private folders to the place that it leads to.
func find(path string, flag int) (*place, error) {
	to := path
	for range maxLinks {
		p, err := look(path, to)
		if err != nil {
			return nil, err
		}
		if !p.isLink() || exclusive(flag) {
			return p, nil
		}
		target, err := p.follow()
		p.close()
		if err != nil {
			return nil, err
		}
		to = target
	}
	return nil, (&place{path: path}).explain(unix.ELOOP)
}

// look opens the folder of to and looks at what is there, following nothing.
func look(path, to string) (*place, error) {
	// Not filepath.Dir, which takes a/.. away even if a is a link.
	dir, base := filepath.Split(to)
	p := &place{path: path, dir: dir, base: base, folder: -1}
	switch {
	case path == "":
		return nil, errors.New("open a file: its path is empty: name one")
	case base == "" || base == "." || base == "..":
		return nil, p.wrong("it is a folder", "name a file in it")
	case dir == "":
		p.dir = "."
	}
	err := retry(func() (err error) {
		p.folder, err = unix.Open(p.dir, searchFolder|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return nil, p.explainFolder(err)
	}
	if err := p.inspect(); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

// inspect finds out about the folder, and about the file in it.
func (p *place) inspect() error {
	var dir unix.Stat_t
	if err := unix.Fstat(p.folder, &dir); err != nil {
		return p.explainFolder(err)
	}
	p.shared = uint32(dir.Mode)&0o022 != 0 || dir.Uid != 0 && int(dir.Uid) != unix.Geteuid()
	if kind := kernelFileSystem(p.folder); kind != "" {
		return p.wrong(fmt.Sprintf("folder %s is a part of the kernel (%s) and holds no ordinary files", p.dirName(), kind),
			"name a file in an ordinary folder, such as one under /run or /var/log")
	}
	switch err := unix.Fstatat(p.folder, p.base, &p.stat, unix.AT_SYMLINK_NOFOLLOW); {
	case err == nil:
		p.found = true
	case !errors.Is(err, unix.ENOENT):
		return p.explain(err)
	}
	return nil
}

func (p *place) close() { _ = unix.Close(p.folder) }

// dirName is the folder as people write it.
func (p *place) dirName() string { return filepath.Clean(p.dir) }

func (p *place) kind() uint32 { return uint32(p.stat.Mode) & unix.S_IFMT }

func (p *place) isLink() bool { return p.found && p.kind() == unix.S_IFLNK }

// follow returns where the symbolic link leads to, unless anybody could have
// put it there.
func (p *place) follow() (string, error) {
	if p.shared {
		return "", p.refuse(&p.stat)
	}
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(p.folder, p.base, buf)
	if err != nil {
		return "", p.explain(err)
	}
	target := string(buf[:n])
	if filepath.IsAbs(target) {
		return target, nil
	}
	// Not filepath.Join: see look.
	return p.dir + "/" + target, nil
}

// refuse says what is wrong with the file, if anything is.
func (p *place) refuse(st *unix.Stat_t) error {
	const other = "remove it or name another path"
	switch uint32(st.Mode) & unix.S_IFMT {
	case unix.S_IFREG:
	case unix.S_IFDIR:
		return p.wrong("it is a folder", "name a file in it")
	case unix.S_IFLNK:
		return p.wrong(fmt.Sprintf("it is a symbolic link in %s, a folder that others may write to", p.dirName()),
			"remove it or name a path in a private folder")
	case unix.S_IFIFO:
		return p.wrong("it is a FIFO and no regular file", other)
	case unix.S_IFSOCK:
		return p.wrong("it is a socket and no regular file", other)
	default:
		return p.wrong("it is a device and no regular file", "name a regular file")
	}
	if !p.shared {
		return nil
	}
	if int(st.Uid) != unix.Geteuid() {
		return p.wrong(fmt.Sprintf("it belongs to user %d and not to us, user %d, in %s, a folder that others may write to",
			st.Uid, unix.Geteuid(), p.dirName()), "remove it or name a path in a private folder")
	}
	if st.Nlink > 1 {
		return p.wrong(fmt.Sprintf("it has a second name (a hard link) in %s, a folder that others may write to", p.dirName()),
			"remove it or name a path in a private folder")
	}
	return nil
}
