package retain

import (
	"cmp"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	zipped  = ".gz"
	partial = ".part" // behind zipped, while it is being written
)

// entry is a file that a log has left.
type entry struct {
	name string
	day  time.Time // its midnight
	part int       // among those of the day; the one without a number is the last
	gz   bool
}

// parse returns what a name says; false for one that the log does not use.
func parse(name string, base func(time.Time) string, zone *time.Location) (e entry, ok bool) {
	plain, gz := strings.CutSuffix(name, zipped)
	at := dateIn(plain)
	if at < 0 {
		return entry{}, false
	}
	day, err := time.ParseInLocation(time.DateOnly, plain[at:at+len(time.DateOnly)], zone)
	if err != nil {
		return entry{}, false
	}
	e = entry{name: name, day: day, part: math.MaxInt, gz: gz}
	of := base(day.Add(12 * time.Hour))
	if plain == of {
		return e, dateIn(of) >= 0
	}
	ext := filepath.Ext(plain)
	stem := strings.TrimSuffix(plain, ext)
	if e.part, err = strconv.Atoi(stem[strings.LastIndexByte(stem, '.')+1:]); err != nil || e.part < 1 {
		return entry{}, false
	}
	return e, plain == aside(of, day, e.part)
}

// aside returns the name of a log file that is set aside.
func aside(base string, day time.Time, part int) string {
	ext := filepath.Ext(base)
	stem := strings.TrimSuffix(base, ext)
	if dateIn(base) < 0 {
		stem += "." + day.Format(time.DateOnly)
	}
	return stem + "." + strconv.Itoa(part) + ext
}

// dateIn returns where a name has a date such as 2026-11-23; -1 for none.
func dateIn(name string) int {
	const length = len(time.DateOnly)
	for i := 0; i+length <= len(name); i++ {
		if _, err := time.Parse(time.DateOnly, name[i:i+length]); err == nil {
			return i
		}
	}
	return -1
}

// sortByAge sorts the oldest first.
func sortByAge(entries []entry) {
	slices.SortFunc(entries, func(a, b entry) int {
		return cmp.Or(a.day.Compare(b.day), cmp.Compare(a.part, b.part), strings.Compare(a.name, b.name))
	})
}
