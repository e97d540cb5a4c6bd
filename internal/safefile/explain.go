package safefile

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// wrong is an error of our own: what is wrong with the path, and the remedy.
func (p *place) wrong(what, remedy string) error {
	return fmt.Errorf("open %s: %s%s: %s", p.path, p.by(), what, remedy)
}

// by says where the path leads to if that is not what was asked for.
func (p *place) by() string {
	if to := p.dir + p.base; to != p.path && p.dir != "." {
		return fmt.Sprintf("it leads to %s: ", to)
	}
	return ""
}

// explain adds the remedy to a system's error about the file.
func (p *place) explain(err error) error {
	return p.with(err, remedies{
		unix.ENOENT:       "create it or name another path",
		unix.EEXIST:       "remove it or name another path",
		unix.EACCES:       fmt.Sprintf("let user %d write to the file and its folder, or name another path", unix.Geteuid()),
		unix.EPERM:        fmt.Sprintf("let user %d write to the file and its folder, or name another path", unix.Geteuid()),
		unix.ELOOP:        "name a path without so many symbolic links",
		unix.EMLINK:       "name a path without so many symbolic links",
		unix.EISDIR:       "name a file in it",
		unix.ENAMETOOLONG: "name a shorter path",
	})
}

// explainFolder is explain for an error about the folder.
func (p *place) explainFolder(err error) error {
	return p.with(fmt.Errorf("folder %s: %w", p.dirName(), err), remedies{
		unix.ENOENT:       "create the folder or name another path",
		unix.ENOTDIR:      "name a path whose parent is a folder",
		unix.EACCES:       fmt.Sprintf("let user %d enter the folder, or name another path", unix.Geteuid()),
		unix.ELOOP:        "name a path without so many symbolic links",
		unix.ENAMETOOLONG: "name a shorter path",
	})
}

type remedies map[unix.Errno]string

// common are the remedies that do not depend on what was tried.
var common = remedies{
	unix.EROFS:  "name a path on a file system that can be written to",
	unix.ENOSPC: "make room or name a path on another disk",
	unix.EDQUOT: "make room or name a path on another disk",
	unix.EINVAL: "name a path without control characters",
	unix.EMFILE: "raise the limit of open files",
	unix.ENFILE: "raise the limit of open files",
}

func (p *place) with(err error, r remedies) error {
	var errno unix.Errno
	remedy := "name another path"
	if errors.As(err, &errno) {
		if text, ok := r[errno]; ok {
			remedy = text
		} else if text, ok := common[errno]; ok {
			remedy = text
		}
	}
	return fmt.Errorf("open %s: %s%w: %s", p.path, p.by(), err, remedy)
}
