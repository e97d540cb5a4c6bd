package rules

import (
	"fmt"
	"go/ast"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// listing is a comment in the README that names a file and a function in it,
// and the code block that follows, which must be that function's source.
var listing = regexp.MustCompile("<!-- listing: (\\S+) (\\S+) -->\n```go\n((?s:.*?))```\n")

// relisted is text with its listings as the sources have them.
func relisted(text string, source func(file, name string) (string, error)) (string, error) {
	var failed error
	out := listing.ReplaceAllStringFunc(text, func(block string) string {
		m := listing.FindStringSubmatch(block)
		code, err := source(m[1], m[2])
		if err != nil {
			failed = err
		}
		return strings.TrimSuffix(block, m[3]+"```\n") + code + "```\n"
	})
	return out, failed
}

// function is the source of a function with its comment.
func function(files []file) func(path, name string) (string, error) {
	return func(path, name string) (string, error) {
		for _, f := range files {
			if f.path != path {
				continue
			}
			for _, d := range f.tree.Decls {
				if fn, ok := d.(*ast.FuncDecl); ok && fn.Name.Name == name {
					begin, end := fn.Pos(), fn.End()
					if fn.Doc != nil {
						begin = fn.Doc.Pos()
					}
					return string(f.source[f.set.Position(begin).Offset:f.set.Position(end).Offset]) + "\n", nil
				}
			}
		}
		return "", fmt.Errorf("README.md lists %s of %s, which is not there", name, path)
	}
}

func TestTheReadmeListsWhatIsCompiled(t *testing.T) {
	path := filepath.Join("..", "..", "README.md")
	have, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want, err := relisted(string(have), function(repository(t)))
	if err != nil {
		t.Fatal(err)
	}
	if string(have) != want {
		if os.Getenv("UPDATE") != "" {
			if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
			return
		}
		t.Error("a listing in README.md is not what is compiled: run UPDATE=1 go test ./internal/rules")
	}
}

func TestAStaleListingIsFound(t *testing.T) {
	stale := "<!-- listing: a.go F -->\n```go\nfunc F() {}\n```\n"
	got, err := relisted(stale, func(file, name string) (string, error) { return "func " + name + "(int) {}\n", nil })
	if err != nil || got == stale || !strings.Contains(got, "func F(int) {}\n```\n") {
		t.Errorf("got %q, %v", got, err)
	}
}
