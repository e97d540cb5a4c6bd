package logfile_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/evertick/evertick/logfile"
	"github.com/evertick/evertick/logfile/logfiletest"
)

func realDisk(t *testing.T) logfiletest.Disk {
	return logfiletest.Disk{
		Files: logfile.Disk(),
		Dir:   t.TempDir(),
		Read: func(path string) (string, error) {
			data, err := os.ReadFile(path)
			return string(data), err
		},
		Rename: os.Rename,
		Remove: os.Remove,
		Deny: func(path string) {
			if err := os.Mkdir(path, 0o755); err != nil {
				t.Fatal(err)
			}
		},
	}
}

func TestTheDiskConforms(t *testing.T) {
	logfiletest.Run(t, logfiletest.Subject{New: realDisk})
}

func TestTheDiskConformsInABubble(t *testing.T) {
	logfiletest.Run(t, logfiletest.Subject{New: realDisk, In: synctest.Test})
}

func TestScriptedFilesConform(t *testing.T) {
	logfiletest.Run(t, logfiletest.Subject{New: func(*testing.T) logfiletest.Disk {
		d := newScriptedFiles()
		return logfiletest.Disk{
			Files: d, Dir: "/var/log", Read: d.read, Rename: d.rename, Remove: d.remove,
			Deny: func(path string) { d.deny(path, syscall.EACCES) },
		}
	}})
}

// Others may read a log and not write to it, whatever the umask.
func TestTheDiskCreatesFilesOfMode0644(t *testing.T) {
	name := filepath.Join(t.TempDir(), "log")
	f, err := logfile.Disk().Append(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := os.Stat(name)
	if err != nil || info.Mode().Perm()&^0o644 != 0 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

// A link in a folder that others may write to could lead anywhere.
func TestTheDiskFollowsNoLinkInASharedFolder(t *testing.T) {
	dir := t.TempDir()
	target, link := filepath.Join(dir, "target"), filepath.Join(dir, "shared", "log")
	for _, err := range []error{
		os.Mkdir(filepath.Dir(link), 0o755), os.Chmod(filepath.Dir(link), 0o777), os.Symlink(target, link),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := logfile.Disk().Check(link); err == nil || !strings.Contains(err.Error(), "symbolic link") {
		t.Errorf("Check = %v", err)
	}
	if f, err := logfile.Disk().Append(link); err == nil {
		_ = f.Close()
		t.Error("Append follows the link")
	}
	if _, err := os.Lstat(target); err == nil {
		t.Error("the target was created")
	}
}
