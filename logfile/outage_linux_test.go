package logfile_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/evertick/evertick/internal/nobody"
	"github.com/evertick/evertick/logfile"
)

// The real file system's refusal redirects the log, and says how to cure it.
func TestAFolderThatCannotBeWrittenRedirects(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "poller.log")
	for _, err := range []error{os.Chmod(filepath.Dir(dir), 0o755), os.Chmod(dir, 0o555)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { _ = os.Chmod(dir, 0o700) })
	f := newFixture(t, logfile.Settings{})
	log := logfile.New(logfile.Config{Daemon: "poller", Host: "web1", PID: 12345, Clock: f.clock, Stdout: f.stdout})
	log.Configure(logfile.Settings{Name: logfile.Fixed(name)})
	nobody.Run(t, func() {
		if err := logfile.Disk().Check(name); !errors.Is(err, os.ErrPermission) {
			t.Errorf("Check = %v", err)
		}
		log.Open()
		log.Print("1")
		log.Close()
	})
	if out := f.stdout.String(); strings.Count(out, "Warning: the log file "+name+" cannot be written") != 1 ||
		!strings.Contains(out, "permission denied: let user") || !strings.HasSuffix(out, "12345 1\n") {
		t.Errorf("standard output holds\n%s", out)
	}
}
