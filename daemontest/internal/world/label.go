package world

import (
	"context"
	"fmt"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync/atomic"
)

// labelKey is the key of the goroutine label by which a generation's goroutines
// are known. What they start inherits it.
const labelKey = "daemontest"

// labels counts the labels that were given out.
var labels atomic.Int64

// setLabel gives the goroutine the label of the generation.
func (g *Generation) setLabel() {
	g.label = strconv.FormatInt(labels.Add(1), 10)
	pprof.SetGoroutineLabels(pprof.WithLabels(context.Background(), pprof.Labels(labelKey, g.label)))
}

// leftByOthers reports whether all of the n goroutines that are left are of
// generations that were killed, replaced or ended with an error: what those
// leave is swept away with them.
func (w *World) leftByOthers(n int) bool {
	var profile strings.Builder
	_ = pprof.Lookup("goroutine").WriteTo(&profile, 1)
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, g := range w.generations {
		if g.label != "" && (&g.presence != g.process.present.Load() || !g.process.ExitedWith(0)) {
			n -= labelled(profile.String(), g.label)
		}
	}
	return n <= 0
}

// labelled returns how many goroutines of a profile have a label.
func labelled(profile, label string) (n int) {
	for record := range strings.SplitSeq(profile, "\n\n") {
		if strings.Contains(record, fmt.Sprintf("%q:%q", labelKey, label)) {
			count := 0
			_, _ = fmt.Sscanf(record[strings.LastIndex(record[:strings.Index(record, " @")], "\n")+1:], "%d @", &count)
			n += count
		}
	}
	return n
}
