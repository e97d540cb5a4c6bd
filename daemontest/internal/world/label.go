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

// newLabel gives the goroutine a label of its own.
func newLabel() string {
	label := strconv.FormatInt(labels.Add(1), 10)
	pprof.SetGoroutineLabels(pprof.WithLabels(context.Background(), pprof.Labels(labelKey, label)))
	return label
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
