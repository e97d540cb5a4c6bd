package timeline

import (
	"fmt"
	"testing"
	"time"
)

// What is kept in little space comes out as it went in, over several chunks.
func TestARecordGivesBackWhatItWasGiven(t *testing.T) {
	var want []Entry
	for i := range 2*chunk + 1 {
		e := Entry{At: time.Duration(i), PID: 100 + i%3, Kind: Kind(i % int(Stderr+1)), Lost: i%7 == 0}
		switch {
		case e.Kind != Execute:
			e.Text = fmt.Sprint("text ", i)
		case i%4 == 0:
			e.N, e.Interval, e.Took, e.Done = int64(i), time.Duration(i%5), time.Second, true
		default:
			e.N, e.Done, e.Failed, e.Text = int64(i), true, true, "failed"
		}
		want = append(want, e)
	}
	var r record
	for _, e := range want {
		r.add(e)
	}
	want[chunk+1].Text += ", and more"
	r.set(chunk+1, want[chunk+1])
	for _, e := range []*Entry{&want[0], &want[chunk]} {
		e.Kind, e.Done, e.Failed, e.Took, e.Text = Execute, true, e == &want[0], time.Minute, ""
		if e.Failed {
			e.Text = "failed late"
		}
		r.set(int(e.At), Entry{At: e.At, PID: e.PID, Kind: Execute, N: e.N, Interval: e.Interval, Lost: e.Lost})
		r.end(int(e.At), e.Took, e.Failed, e.Text)
	}
	if r.len() != len(want) {
		t.Fatalf("%d entries, want %d", r.len(), len(want))
	}
	for i, e := range want {
		if got := r.get(i); got != e {
			t.Errorf("entry %d: got %+v, want %+v", i, got, e)
		}
	}
}
