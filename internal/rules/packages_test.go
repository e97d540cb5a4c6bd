package rules

import (
	"fmt"
	"go/ast"
	"go/token"
	"path"
	"slices"
	"strings"
	"testing"
)

// withoutExample are the packages that have no example, each with its reason.
var withoutExample = map[string]string{}

// unguided finds the packages without a tour, or without an example that runs.
// Programs, suites of tests and internal packages need neither.
func unguided(files []file) []string {
	packages := make(map[string][]file)
	for _, f := range files {
		parts := strings.Split(f.dir(), "/")
		if slices.Contains(parts, "internal") || parts[0] == "examples" || suite(f.dir()) {
			continue
		}
		packages[f.dir()] = append(packages[f.dir()], f)
	}
	var found []string
	for dir, files := range packages {
		name := path.Base(dir)
		tour := func(f file) bool {
			return f.path == dir+"/doc.go" && strings.HasPrefix(f.tree.Doc.Text(), "Package "+name+" ")
		}
		if !slices.ContainsFunc(files, tour) {
			found = append(found, fmt.Sprintf("%s/doc.go has no tour that begins with \"Package %s\"", dir, name))
		}
		if withoutExample[dir] == "" && !slices.ContainsFunc(files, runs) {
			found = append(found, fmt.Sprintf("%s has no func ExampleXxx with // Output:", dir))
		}
	}
	return found
}

// runs tells whether a file has an example whose output is compared.
func runs(f file) bool {
	for _, decl := range f.tree.Decls {
		d, ok := decl.(*ast.FuncDecl)
		if !ok || !f.test() || d.Recv != nil || !strings.HasPrefix(d.Name.Name, "Example") {
			continue
		}
		for _, comment := range f.tree.Comments {
			inside := comment.Pos() > d.Body.Pos() && comment.End() < d.Body.End()
			text := strings.ToLower(comment.Text())
			if inside && (strings.HasPrefix(text, "output:") || strings.HasPrefix(text, "unordered output:")) {
				return true
			}
		}
	}
	return false
}

func TestPackagesAreExplained(t *testing.T) {
	report(t, unguided(repository(t)))
}

func TestPackagesAreExplainedCanFail(t *testing.T) {
	tour := parse(t, "mail/doc.go", "// Package mail delivers.\npackage mail\n")
	example := parse(t, "mail/x_test.go", "package mail\nfunc Example() {\n\t// Output: x\n}\n")
	idle := parse(t, "mail/x_test.go", "package mail\nfunc Example() {}\n// Output: x\n")

	finds(t, unguided([]file{tour, idle}), "no func ExampleXxx")
	finds(t, unguided([]file{parse(t, "mail/doc.go", "package mail\n"), example}), "no tour")
	nothing(t, unguided([]file{tour, example}))
	nothing(t, unguided([]file{parse(t, "mail/mailtest/x.go", "package mailtest\n")}))
	nothing(t, unguided([]file{parse(t, "core/internal/draw/main.go", "package main\n")}))
}

// maxFile is how many lines of code a file may have. Blank lines and comments
// do not count.
const maxFile = 400

// long finds the files with more lines of code.
func long(files []file) []string {
	var found []string
	for _, f := range files {
		if n := codeLines(f); !f.test() && n > maxFile {
			found = append(found, fmt.Sprintf("%s has %d lines of code, more than %d: a file is one idea", f.path, n, maxFile))
		}
	}
	return found
}

// codeLines is the number of lines that have a token.
func codeLines(f file) int {
	code := make(map[int]bool)
	mark := func(from, to token.Pos) {
		for n := f.set.Position(from).Line; n <= f.set.Position(to).Line; n++ {
			code[n] = true
		}
	}
	ast.Inspect(f.tree, func(n ast.Node) bool {
		switch n := n.(type) {
		case nil, *ast.Comment, *ast.CommentGroup:
			return false
		case *ast.BasicLit: // may span lines
			mark(n.Pos(), n.End()-1)
		default:
			mark(n.Pos(), n.Pos())
			if n.End() > n.Pos() {
				mark(n.End()-1, n.End()-1)
			}
		}
		return true
	})
	return len(code)
}

func TestFilesAreShort(t *testing.T) {
	report(t, long(repository(t)))
}

func TestFilesAreShortCanFail(t *testing.T) {
	one := func(source string) []string { return long([]file{parse(t, "mail/x.go", "package mail\n"+source)}) }

	finds(t, one(strings.Repeat("var _ = 1\n", maxFile)), "401 lines of code")
	nothing(t, one(strings.Repeat("var _ = 1\n", maxFile-1)))
	nothing(t, one(strings.Repeat("// why\n\n", maxFile)))
}
