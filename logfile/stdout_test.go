package logfile_test

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/evertick/evertick/logfile"
)

// slowReader is a standard output that takes lines only while it flows.
type slowReader struct {
	flows chan struct{} // closed while it does

	mu   sync.Mutex
	text bytes.Buffer
}

func (r *slowReader) Write(b []byte) (int, error) {
	<-r.flows
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(b)
}

func (r *slowReader) messages() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return messages(r.text.String())
}

func newSlowReader(files logfile.Files) (*slowReader, *logfile.Log) {
	r := &slowReader{flows: make(chan struct{})}
	log := logfile.New(logfile.Config{Daemon: "poller", Host: "web1", PID: 12345, Files: files, Stdout: r})
	return r, log
}

func expect(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// A standard output that takes nothing holds up the first caller for a moment
// and no other one. What was queued follows in order, and then nobody waits.
func TestAStandardOutputThatNobodyReadsBlocksNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		files := newScriptedFiles()
		r, log := newSlowReader(files)
		log.Configure(logfile.Settings{Name: logfile.Fixed(path), Verbose: true})
		log.Open()
		began := time.Now()
		var both sync.WaitGroup
		for range 2 {
			both.Go(func() { log.Print("first") })
		}
		both.Wait()
		if took := time.Since(began); took != 100*time.Millisecond {
			t.Errorf("the first lines took %v", took)
		}
		began = time.Now()
		log.Print("1\n2")
		log.Printf("3")
		if took := time.Since(began); took != 0 {
			t.Errorf("the next lines took %v", took)
		}
		content, _ := files.read(path)
		expect(t, messages(content), header, "first", "first", "1", "2", "3")
		if log.Flush(time.Minute) || time.Since(began) != time.Minute {
			t.Errorf("Flush ended after %v", time.Since(began))
		}
		expect(t, r.messages())

		close(r.flows)
		if !log.Flush(time.Minute) || time.Since(began) != time.Minute {
			t.Errorf("the second Flush ended after %v", time.Since(began))
		}
		expect(t, r.messages(), "first", "first", "1", "2", "3")
		log.Print("at once")
		expect(t, r.messages(), "first", "first", "1", "2", "3", "at once")

		// The next one that is stuck is waited for again.
		r.flows = make(chan struct{})
		began = time.Now()
		log.Print("last")
		if took := time.Since(began); took != 100*time.Millisecond {
			t.Errorf("the last line took %v", took)
		}
		close(r.flows)
		log.Close()
		synctest.Wait()
	})
}

// The queue has a bound. What does not fit is counted and said once.
func TestLinesBeyondTheQueueAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, log := newSlowReader(nil)
		long := strings.Repeat("x", 300_000)
		for n := range 4 {
			log.Print(fmt.Sprint(n, " ", long))
		}
		log.Print("short\nand short")
		close(r.flows)
		log.Flush(time.Minute)
		log.Print("after")
		want := []string{"0 " + long, "1 " + long, "2 " + long, "Warning: standard output was not read, 3 lines were dropped.", "after"}
		expect(t, r.messages(), want...)
	})
}

// Close waits for what is queued, but not for ever.
func TestCloseWaitsASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, log := newSlowReader(nil)
		log.Print("1")
		began := time.Now()
		log.Close()
		if took := time.Since(began); took != time.Second {
			t.Errorf("Close took %v", took)
		}
		time.AfterFunc(time.Millisecond, func() { close(r.flows) })
		log.Close()
		if took := time.Since(began); took != time.Second+time.Millisecond {
			t.Errorf("both took %v", took)
		}
		expect(t, r.messages(), "1")
	})
}

// A full pipe, as of a pager that nobody scrolls.
func TestAFullPipeStopsNoDaemon(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	files := newScriptedFiles()
	log := logfile.New(logfile.Config{Daemon: "poller", Host: "web1", PID: 12345, Files: files, Stdout: w})
	log.Configure(logfile.Settings{Name: logfile.Fixed(path), Verbose: true})
	log.Open()
	const lines = 1000
	for n := range lines {
		log.Print(fmt.Sprint(n, strings.Repeat("x", 500)))
	}
	content, _ := files.read(path)
	if got := strings.Count(content, "\n"); got != lines+1 {
		t.Errorf("the file holds %d lines", got)
	}
	read := make(chan string)
	go func() {
		var all bytes.Buffer
		_, _ = all.ReadFrom(r)
		read <- all.String()
	}()
	log.Flush(time.Minute)
	log.Close()
	w.Close()
	if got := <-read; got != strings.TrimPrefix(content, content[:strings.Index(content, "\n")+1]) {
		t.Errorf("standard output has %d bytes, the file %d", len(got), len(content))
	}
	r.Close()
}
