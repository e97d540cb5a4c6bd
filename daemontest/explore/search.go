package explore

import (
	"flag"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Search plays so many lives, drawn from the seed, and adds to cells what they
// reached. The first that goes wrong is shrunk and reported as Go source, and
// ends the test. 0 is a random seed.
//
// It sets flags of package rapid while it runs, so nothing else may use that
// package at the same time.
func Search(t *testing.T, seed uint64, lives int, cells Cells) {
	t.Helper()
	defer setFlags(t, map[string]string{
		"rapid.checks": strconv.Itoa(lives), "rapid.seed": strconv.FormatUint(seed, 10),
		"rapid.nofailfile": "true", "rapid.shrinktime": "20s",
	})()
	var report string // of the failing life played last, which is the shrunk one
	defer func() {
		if report != "" {
			t.Log(report)
		}
	}()
	rapid.Check(t, func(rt *rapid.T) {
		l := Lives().Draw(rt, "life")
		o := Play(t, l)
		for cell, n := range o.Cells {
			cells[cell] += n
		}
		if len(o.Wrong) > 0 {
			report = o.Report(l)
			rt.Fatalf("a life went wrong: %s", strings.Join(o.Wrong, "; "))
		}
	})
}

// setFlags sets flags, and returns a function that sets them back.
func setFlags(t *testing.T, values map[string]string) (restore func()) {
	before := map[string]string{}
	set := func(values map[string]string) {
		for name, value := range values {
			if err := flag.Set(name, value); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name := range values {
		before[name] = flag.Lookup(name).Value.String()
	}
	set(values)
	return func() { set(before) }
}
