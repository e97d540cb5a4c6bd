package daemontest

import (
	"os"
	"path/filepath"

	"github.com/evertick/evertick/daemontest/internal/timeline"
)

// Golden wants the timeline to be that of testdata/name.golden. The flag
// -daemontest.update rewrites the file; look at the difference as at code.
func Golden(name string) Expectation {
	return func(r *Result) *miss {
		path := filepath.Join("testdata", name+".golden")
		got := r.Timeline()
		if *updateFlag {
			if err := os.MkdirAll("testdata", 0o755); err != nil {
				return missed(nil, "golden timeline: %v", err)
			}
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				return missed(nil, "golden timeline: %v", err)
			}
			return nil
		}
		want, err := os.ReadFile(path)
		if err != nil {
			return missed(nil, "golden timeline: %v; run the test with -daemontest.update to write it", err)
		}
		if string(want) != got {
			return missed(nil, "the timeline is not that of %s; the first difference is in\n%s\nRun the test with -daemontest.update if it should be as it is now.", path, timeline.Divergence(string(want), got))
		}
		return nil
	}
}
