package mail_test

import (
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/evertick/evertick/mail"
)

// What a mail or an alert costs its caller, whatever disk and transport do: here the
// transport is away, and none or a thousand mails wait. The mark is 50 µs; what goes
// beyond it at the 99th percentile is the caller's wait for a lock, a processor or
// the collector of garbage.
func BenchmarkPut(b *testing.B) {
	for _, waiting := range []int{0, 1000} {
		for name, put := range map[string]func(q *mail.Queue, n int){
			"put":    func(q *mail.Queue, _ int) { q.Put(named("1")) },
			"first":  func(q *mail.Queue, n int) { q.Alert(mail.Alert{Kind: fmt.Sprint(n % 90), Text: "trouble"}) },
			"repeat": func(q *mail.Queue, _ int) { q.Alert(mail.Alert{Kind: "1", Text: "trouble"}) },
		} {
			b.Run(fmt.Sprintf("%s, %d wait", name, waiting), func(b *testing.B) { benchmarkPut(b, waiting, put) })
		}
	}
}

func benchmarkPut(b *testing.B, waiting int, put func(q *mail.Queue, n int)) {
	var p post
	p.fail(errAway)
	dir, err := os.MkdirTemp("", "spool")
	if err != nil {
		b.Fatal(err)
	}
	defer os.RemoveAll(dir)
	q := p.queue(dir, 1)
	defer q.Close()
	for range waiting {
		q.Put(named("1"))
	}
	var took []time.Duration
	for n := 0; b.Loop(); n++ {
		began := time.Now()
		put(q, n)
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	report := func(share float64, name string) {
		b.ReportMetric(float64(took[int(share*float64(len(took)-1))].Nanoseconds())/1e3, name)
	}
	report(0.5, "p50-us")
	report(0.99, "p99-us")
	report(1, "max-us")
}
