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

// listing is a comment in the README, or in a page of docs, that names a file and
// a function or a type in it, and the code block that follows, which must be that
// function's source, or the type's with its methods.
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

// declared is the source of a function, or of a type with its methods in that
// file, with the comments in front of them.
func declared(files []file) func(path, name string) (string, error) {
	return func(path, name string) (string, error) {
		for _, f := range files {
			if f.path != path {
				continue
			}
			var parts []string
			for _, d := range f.tree.Decls {
				if doc, ok := declares(d, name); ok {
					begin := d.Pos()
					if doc != nil {
						begin = doc.Pos()
					}
					parts = append(parts, string(f.source[f.set.Position(begin).Offset:f.set.Position(d.End()).Offset])+"\n")
				}
			}
			if len(parts) > 0 {
				return strings.Join(parts, "\n"), nil
			}
		}
		return "", fmt.Errorf("a page lists %s of %s, which is not there", name, path)
	}
}

// declares tells whether a declaration is that of a function or type with that
// name, or of a method of that type, and returns its comment.
func declares(d ast.Decl, name string) (doc *ast.CommentGroup, ok bool) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil {
			return d.Doc, d.Name.Name == name
		}
		receiver := d.Recv.List[0].Type
		if star, ok := receiver.(*ast.StarExpr); ok {
			receiver = star.X
		}
		id, ok := receiver.(*ast.Ident)
		return d.Doc, ok && id.Name == name
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			if t, ok := spec.(*ast.TypeSpec); ok && t.Name.Name == name {
				return d.Doc, true
			}
		}
	}
	return nil, false
}

func TestThePagesListWhatIsCompiled(t *testing.T) {
	root := filepath.Join("..", "..")
	pages, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	files := repository(t)
	for _, path := range append(pages, filepath.Join(root, "README.md")) {
		testListings(t, path, files)
	}
}

func testListings(t *testing.T, path string, files []file) {
	have, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want, err := relisted(string(have), declared(files))
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
		t.Errorf("a listing in %s is not what is compiled: run UPDATE=1 go test ./internal/rules", path)
	}
}

func TestAStaleListingIsFound(t *testing.T) {
	stale := "<!-- listing: a.go F -->\n```go\nfunc F() {}\n```\n"
	got, err := relisted(stale, func(file, name string) (string, error) { return "func " + name + "(int) {}\n", nil })
	if err != nil || got == stale || !strings.Contains(got, "func F(int) {}\n```\n") {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestATypeIsListedWithItsMethods(t *testing.T) {
	source := "package x\n\n// T is.\ntype T struct{}\n\nfunc F(T) {}\n\n// M does.\nfunc (t *T) M() {}\n\nfunc (U) N() {}\n"
	got, err := declared([]file{parse(t, "a.go", source)})("a.go", "T")
	if want := "// T is.\ntype T struct{}\n\n// M does.\nfunc (t *T) M() {}\n"; err != nil || got != want {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := declared([]file{parse(t, "a.go", source)})("a.go", "V"); err == nil {
		t.Error("what is not there is listed")
	}
}
