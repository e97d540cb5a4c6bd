package rules

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

// module is the import path of the repository's root.
const module = "github.com/evertick/evertick"

// file is a Go file of the repository.
type file struct {
	path   string // from the repository's root, with slashes
	source []byte
	set    *token.FileSet
	tree   *ast.File
}

// dir is the file's folder from the root; "." is the root.
func (f file) dir() string { return path.Dir(f.path) }

// test tells whether the go tool compiles the file for tests only.
func (f file) test() bool { return strings.HasSuffix(f.path, "_test.go") }

// parse makes a file of a source text.
func parse(t *testing.T, name, source string) file {
	t.Helper()
	set := token.NewFileSet()
	tree, err := parser.ParseFile(set, name, source, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	return file{path: name, source: []byte(source), set: set, tree: tree}
}

// repository reads every Go file of the root module.
func repository(t *testing.T) []file {
	t.Helper()
	root := filepath.Join("..", "..")
	var files []file
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return skip(root, name, entry)
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		source, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		short, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		files = append(files, parse(t, filepath.ToSlash(short), string(source)))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// skip leaves out the folders that the go tool leaves out, and the modules
// that have their own dependencies.
func skip(root, name string, entry fs.DirEntry) error {
	if name == root {
		return nil
	}
	base := entry.Name()
	if base == "testdata" || base == "vendor" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") {
		return filepath.SkipDir
	}
	if _, err := os.Stat(filepath.Join(name, "go.mod")); err == nil {
		return filepath.SkipDir
	}
	return nil
}

// report fails the test with everything that was found.
func report(t *testing.T, found []string) {
	t.Helper()
	for _, one := range found {
		t.Error(one)
	}
}

// finds shows that a rule can fail: it must find exactly one thing, that says
// want.
func finds(t *testing.T, found []string, want string) {
	t.Helper()
	if len(found) != 1 || !strings.Contains(found[0], want) {
		t.Errorf("found %q, want one that says %q", found, want)
	}
}

// nothing shows that a rule leaves alone what is right.
func nothing(t *testing.T, found []string) {
	t.Helper()
	if len(found) > 0 {
		t.Errorf("found %q where nothing is wrong", found)
	}
}
