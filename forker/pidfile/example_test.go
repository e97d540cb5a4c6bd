package pidfile_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/evertick/evertick/forker/pidfile"
)

// A PID file belongs to one living process.
func ExampleDiskFiles_Lock() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "poller.pid")

	files := pidfile.Disk(nil)
	file, err := files.Lock(path)
	fmt.Println("locked:", err == nil)

	_, err = files.Lock(path)
	var locked *pidfile.LockedError
	fmt.Println("locked again:", err == nil, "because of ourselves:",
		errors.As(err, &locked) && locked.PID == os.Getpid())

	daemon, err := files.Find(path)
	fmt.Println("found ourselves:", err == nil && daemon.PID() == os.Getpid())

	fmt.Println("removed:", file.Remove() == nil)
	_, err = files.Find(path)
	fmt.Println("running:", !errors.Is(err, pidfile.ErrNotRunning))
	// Output:
	// locked: true
	// locked again: false because of ourselves: true
	// found ourselves: true
	// removed: true
	// running: false
}
