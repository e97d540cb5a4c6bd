package logfile_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/evertick/evertick/logfile"
)

// Daily creates the last folder of its path, Check creates nothing, and nobody else
// creates a folder.
func TestTheFolderOfADailyLogIsCreated(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		path    string
		created bool
	}{
		{"one/2026-11-23.log", true},
		{"one/two/2026-11-23.log", true},
		{"no/one/2026-11-23.log", false},
		{"three/poller.log", false},
		{"three/2026-11-23.txt", false},
		{"three/2026-13-23.log", false},
	} {
		path := filepath.Join(dir, c.path)
		if err := logfile.Disk().Check(path); (err == nil) != c.created {
			t.Errorf("%s: Check = %v", c.path, err)
		}
		if _, err := os.Stat(filepath.Dir(path)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: Check created the folder, or %v", c.path, err)
		}
		f, err := logfile.Disk().Append(path)
		if err == nil {
			err = f.Close()
		}
		if (err == nil) != c.created {
			t.Errorf("%s: Append = %v", c.path, err)
		}
	}
	if err := os.Symlink("nowhere", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if err := logfile.Disk().Check(filepath.Join(dir, "link", "2026-11-23.log")); err == nil {
		t.Error("Check accepts a folder that is a link to nowhere")
	}
}
