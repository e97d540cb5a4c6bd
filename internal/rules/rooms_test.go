package rules

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// floors are the rooms from the top of the house to its ground. A room may
// import those of the floors below its own, and its own folders.
var floors = [][]string{
	{"examples", "bench"},
	{"daemontest"},
	{"plugin"},
	{"core"},
	{"forker", "lock", "mail"},
	{"memcache"},
	{"clockwork"},
}

// notBelow are the exceptions: rooms that stand lower, and yet are not for this
// one.
var notBelow = map[string][]string{
	"forker": {"memcache"},
	"mail":   {"memcache"},
}

// floor is the number of a room's floor, and -1 for what is no room.
func floor(room string) int {
	return slices.IndexFunc(floors, func(rooms []string) bool { return slices.Contains(rooms, room) })
}

// room is the first folder of a path from the root.
func room(dir string) string {
	first, _, _ := strings.Cut(dir, "/")
	return first
}

// suite tells whether a folder is a room's suite of tests, as mail/mailtest.
func suite(dir string) bool {
	return strings.Contains(dir, "/") && strings.HasSuffix(dir, "test")
}

// ours is the folder of an import of this module.
func ours(target string) (dir string, ok bool) {
	return strings.CutPrefix(target, module+"/")
}

// upward finds the imports that do not go down.
func upward(files []file) []string {
	var found []string
	for _, f := range files {
		from := room(f.dir())
		if from == "internal" {
			continue
		}
		for target := range f.imports() {
			dir, ok := ours(target)
			if !ok || room(dir) == "internal" {
				continue
			}
			if why := misstep(f, from, dir); why != "" {
				found = append(found, fmt.Sprintf("%s imports %s: %s", f.path, dir, why))
			}
		}
	}
	return found
}

// misstep says what is wrong with an import of dir in f.
func misstep(f file, from, dir string) string {
	to := room(dir)
	switch {
	case floor(from) < 0 && f.dir() != ".":
		return fmt.Sprintf("%s is not in the list of rooms; give it a floor in internal/rules/rooms_test.go", from)
	case suite(dir) && !f.test() && !suite(f.dir()) && from != "daemontest":
		return "a suite of tests is for tests"
	case from == to:
		return ""
	case f.test() && to == "daemontest":
		return "" // the harness plays core's own scenarios, too
	case slices.Contains(notBelow[from], to), floor(to) <= floor(from):
		return fmt.Sprintf("an import goes down the list of rooms, and %s does not stand below %s", to, from)
	}
	return ""
}

func TestImportsGoDown(t *testing.T) {
	report(t, upward(repository(t)))
}

func TestImportsGoDownCanFail(t *testing.T) {
	source := func(target string) string { return fmt.Sprintf("package x\nimport _ %q\n", module+"/"+target) }
	one := func(name, target string) []string { return upward([]file{parse(t, name, source(target))}) }

	finds(t, one("mail/smtp.go", "core"), "core does not stand below mail")
	finds(t, one("mail/smtp.go", "lock"), "lock does not stand below mail")
	finds(t, one("mail/smtp.go", "memcache"), "memcache does not stand below mail")
	finds(t, one("core/host.go", "daemontest"), "daemontest does not stand below core")
	finds(t, one("core/host.go", "mail/mailtest"), "for tests")
	finds(t, one("attic/box.go", "core"), "give it a floor")
	nothing(t, one("core/host.go", "mail"))
	nothing(t, one("core/host.go", "internal/paths"))
	nothing(t, one("core/host_test.go", "daemontest"))
	nothing(t, one("mail/smtp_test.go", "mail/mailtest"))
	nothing(t, one("daemontest/host.go", "lock/locktest"))
	nothing(t, one("lock/memcached.go", "memcache"))
	nothing(t, one("examples/drill/main.go", "plugin/ini"))
}
