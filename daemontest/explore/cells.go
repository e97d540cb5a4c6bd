package explore

import (
	"fmt"

	"github.com/evertick/evertick/core"
)

// Cells counts the events that daemons handled, by state and event.
type Cells map[[2]string]int

// Unreached returns the cells of the lifecycle's table that have an edge and
// were not reached, as "event in state", and how many such cells there are.
func (c Cells) Unreached() (missing []string, all int) {
	seen := map[[2]string]bool{}
	for _, edge := range core.Lifecycle() {
		cell := [2]string{edge.From, edge.Event}
		if seen[cell] {
			continue
		}
		seen[cell] = true
		if c[cell] == 0 {
			missing = append(missing, fmt.Sprintf("%q in %q", edge.Event, edge.From))
		}
	}
	return missing, len(seen)
}
