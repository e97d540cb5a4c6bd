package mail_test

import (
	"os"
	"testing"
	"time"
)

// Put costs the caller next to nothing, whatever disk and transport do: here a
// thousand mails wait, and the transport is away.
func BenchmarkPut(b *testing.B) {
	var p post
	p.fail(errAway)
	dir, err := os.MkdirTemp("", "spool")
	if err != nil {
		b.Fatal(err)
	}
	defer os.RemoveAll(dir)
	q := p.queue(dir, 1)
	defer q.Close()
	m := named("1")
	for range 1000 {
		q.Put(m)
	}
	var worst time.Duration
	for b.Loop() {
		began := time.Now()
		q.Put(m)
		worst = max(worst, time.Since(began))
	}
	b.ReportMetric(float64(worst.Microseconds()), "worst-us")
}
