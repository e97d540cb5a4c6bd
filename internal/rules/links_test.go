package rules

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// heavy are the packages that a daemon must not link unless it uses them: they
// speak a protocol, or are large.
var heavy = []string{
	"crypto/tls", "encoding/xml", "github.com/wneessen/go-mail", "html/template", "net/http",
}

// linked finds the heavy packages that a program links, and how they come in.
func linked(program string, packages []listed) []string {
	imports := make(map[string][]string)
	for _, p := range packages {
		imports[p.ImportPath] = p.Imports
	}
	// The shortest way to each package, from the program on.
	ways := map[string][]string{program: {program}}
	for todo := []string{program}; len(todo) > 0; todo = todo[1:] {
		for _, next := range imports[todo[0]] {
			if ways[next] == nil {
				ways[next] = append(slices.Clone(ways[todo[0]]), next)
				todo = append(todo, next)
			}
		}
	}
	var found []string
	for _, path := range slices.Sorted(maps.Keys(ways)) {
		if slices.Contains(heavy, path) {
			found = append(found, fmt.Sprintf("%s links %s: %s", program, path, strings.Join(ways[path], " -> ")))
		}
	}
	return found
}

func TestTheMinimalDaemonLinksNoProtocol(t *testing.T) {
	report(t, linked(module+"/examples/minimal", goList(t, nil, "-deps", "./examples/minimal")))
}

func TestTheMinimalDaemonLinksNoProtocolCanFail(t *testing.T) {
	packages := []listed{
		{ImportPath: "program", Imports: []string{"a", "fmt"}},
		{ImportPath: "a", Imports: []string{"b"}},
		{ImportPath: "b", Imports: []string{"net/http"}},
	}
	finds(t, linked("program", packages), "links net/http: program -> a -> b -> net/http")
	nothing(t, linked("program", packages[:2]))
}
