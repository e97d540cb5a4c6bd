package logfile_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/evertick/evertick/logfile"
)

// slowDisk takes a second for each write.
type slowDisk struct{ logfile.Files }

type slowFile struct{ logfile.File }

func (d slowDisk) Append(path string) (logfile.File, error) {
	f, err := d.Files.Append(path)
	return slowFile{f}, err
}

func (f slowFile) Write(b []byte) (int, error) {
	time.Sleep(time.Second)
	return f.File.Write(b)
}

// Who waits for a slow disk lets a bubble's time go on: the writes come one after
// the other.
func TestASlowDiskStopsNoBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := logfile.New(logfile.Config{Daemon: "poller", Files: slowDisk{newScriptedFiles()}})
		log.Configure(logfile.Settings{Name: logfile.Fixed(path)})
		log.Open()
		defer log.Close()
		began := time.Now()
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() { log.Print("a line") })
		}
		all.Wait()
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("3 lines took %s", took)
		}
	})
}
