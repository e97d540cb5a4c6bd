package retain_test

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/evertick/evertick/logfile"
	"github.com/evertick/evertick/logfile/retain"
)

// A log whose files have at most 60 bytes is in many files.
func Example() {
	dir, err := os.MkdirTemp("", "retain")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	log := logfile.New(logfile.Config{Daemon: "poller", Host: "web1"})
	log.Configure(logfile.Settings{
		Name:    logfile.Daily(dir),
		Cleaner: retain.New(retain.Rules{MaxSize: 60}),
	})
	log.Open()
	for n := range 3 {
		log.Printf("fetched %d rows", n)
	}
	log.Close()
	files, _ := filepath.Glob(filepath.Join(dir, "*.log"))
	fmt.Println(len(files), "files")
	// Output: 4 files
}
