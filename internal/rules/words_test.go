package rules

import (
	"fmt"
	"go/ast"
	"go/token"
	"strings"
	"testing"
)

// undocumented finds the exported names whose comment is missing, or begins
// with something else than the name.
func undocumented(files []file) []string {
	var found []string
	for _, f := range files {
		if f.test() || f.tree.Name.Name == "main" || within(f.dir(), "internal") {
			continue
		}
		for _, decl := range f.tree.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				if exported(d) && !named(d.Doc, d.Name.Name) {
					found = append(found, silent(f, d.Name))
				}
			case *ast.GenDecl:
				found = append(found, undocumentedIn(f, d)...)
			}
		}
	}
	return found
}

// undocumentedIn looks at the specs of one declaration. A comment on a group
// of constants or variables speaks for its members.
func undocumentedIn(f file, d *ast.GenDecl) []string {
	var found []string
	group := d.Doc != nil && d.Lparen.IsValid()
	for _, spec := range d.Specs {
		switch s := spec.(type) {
		case *ast.TypeSpec:
			if s.Name.IsExported() && !named(s.Doc, s.Name.Name) && (d.Lparen.IsValid() || !named(d.Doc, s.Name.Name)) {
				found = append(found, silent(f, s.Name))
			}
		case *ast.ValueSpec:
			for _, name := range s.Names {
				alone := !d.Lparen.IsValid() && named(d.Doc, s.Names[0].Name)
				if name.IsExported() && !group && !alone && !named(s.Doc, s.Names[0].Name) {
					found = append(found, silent(f, name))
				}
			}
		}
	}
	return found
}

// exported tells whether a function, or a method of an exported type, is to be
// seen from outside.
func exported(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return d.Name.IsExported()
	}
	receiver := d.Recv.List[0].Type
	for {
		switch r := receiver.(type) {
		case *ast.StarExpr:
			receiver = r.X
		case *ast.IndexExpr:
			receiver = r.X
		case *ast.IndexListExpr:
			receiver = r.X
		case *ast.Ident:
			return d.Name.IsExported() && r.IsExported()
		default:
			return false
		}
	}
}

// named tells whether a comment begins with the name, an article apart.
func named(doc *ast.CommentGroup, name string) bool {
	words := strings.Fields(doc.Text())
	if len(words) > 1 && words[0] != name && (words[0] == "A" || words[0] == "An" || words[0] == "The") {
		words = words[1:]
	}
	return len(words) > 1 && strings.TrimRight(words[0], ".,:;") == name
}

func silent(f file, name *ast.Ident) string {
	return fmt.Sprintf("%s:%d: %s has no comment that begins with its name", f.path, f.line(name), name.Name)
}

func TestExportedNamesAreExplained(t *testing.T) {
	report(t, undocumented(repository(t)))
}

func TestExportedNamesAreExplainedCanFail(t *testing.T) {
	one := func(source string) []string {
		return undocumented([]file{parse(t, "mail/x.go", "package mail\n"+source)})
	}
	finds(t, one("func Send() {}\n"), "mail/x.go:2: Send")
	finds(t, one("// Delivers mail.\nfunc Send() {}\n"), "Send")
	finds(t, one("// T is a type.\ntype T int\nfunc (t *T) Send() {}\n"), "Send")
	finds(t, one("type T int\n"), "T")
	finds(t, one("// All about A.\ntype (\nA int\n// B is one.\nB int\n)\n"), "A has")
	finds(t, one("const (\nA = 1\n)\n"), "A has")
	nothing(t, one("type t int\nfunc (t) Send() {}\nfunc send() {}\n"))
	nothing(t, one("// A Mail is one.\ntype Mail int\n"))
	nothing(t, one("// The limits.\nconst (\nA = 1\nB = 2\n)\n"))
	nothing(t, one("const (\n// A is one.\nA = 1\n)\n"))
}

// rooms are the folders that a newcomer reads.
var rooms = []string{"clockwork", "forker", "lock", "mail", "core", "daemontest"}

// unguided finds the rooms without a tour or an example that runs.
func unguided(files []file) []string {
	var found []string
	for _, name := range rooms {
		var exists, tour, example bool
		for _, f := range files {
			if f.dir() != name {
				continue
			}
			exists = true
			tour = tour || f.path == name+"/doc.go" && strings.HasPrefix(f.tree.Doc.Text(), "Package "+name+" ")
			example = example || f.test() && runs(f)
		}
		if exists && !tour {
			found = append(found, fmt.Sprintf("%s/doc.go has no tour that begins with \"Package %s\"", name, name))
		}
		if exists && !example {
			found = append(found, fmt.Sprintf("%s has no func ExampleXxx with // Output:", name))
		}
	}
	return found
}

// runs tells whether a file has an example whose output is compared.
func runs(f file) bool {
	for _, decl := range f.tree.Decls {
		d, ok := decl.(*ast.FuncDecl)
		if !ok || d.Recv != nil || !strings.HasPrefix(d.Name.Name, "Example") {
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

func TestRoomsAreExplained(t *testing.T) {
	report(t, unguided(repository(t)))
}

func TestRoomsAreExplainedCanFail(t *testing.T) {
	tour := parse(t, "mail/doc.go", "// Package mail delivers.\npackage mail\n")
	example := parse(t, "mail/x_test.go", "package mail\nfunc Example() {\n\t// Output: x\n}\n")
	idle := parse(t, "mail/x_test.go", "package mail\nfunc Example() {}\n// Output: x\n")

	finds(t, unguided([]file{tour, idle}), "no func ExampleXxx")
	finds(t, unguided([]file{parse(t, "mail/doc.go", "package mail\n"), example}), "no tour")
	nothing(t, unguided([]file{tour, example}))
	nothing(t, unguided(nil))
}

const (
	maxFile     = 400 // lines of code
	maxFunction = 60
)

// long finds the files and functions that do not fit onto a page. Blank lines
// and comments are free.
func long(files []file) []string {
	var found []string
	for _, f := range files {
		if f.test() {
			continue
		}
		code := codeLines(f)
		if len(code) > maxFile {
			found = append(found, fmt.Sprintf("%s has %d lines of code, more than %d: a file is one idea",
				f.path, len(code), maxFile))
		}
		for _, decl := range f.tree.Decls {
			d, ok := decl.(*ast.FuncDecl)
			if !ok || d.Body == nil {
				continue
			}
			lines := 0
			for n := f.line(d.Body) + 1; n < f.set.Position(d.Body.Rbrace).Line; n++ {
				if code[n] {
					lines++
				}
			}
			if lines > maxFunction {
				found = append(found, fmt.Sprintf("%s:%d: %s has %d lines, more than %d",
					f.path, f.line(d), d.Name.Name, lines, maxFunction))
			}
		}
	}
	return found
}

// codeLines are the lines that have a token.
func codeLines(f file) map[int]bool {
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
	return code
}

func TestFilesAndFunctionsAreShort(t *testing.T) {
	report(t, long(repository(t)))
}

func TestFilesAndFunctionsAreShortCanFail(t *testing.T) {
	body := func(lines int) string { return "func f() {\n" + strings.Repeat("\tprintln()\n", lines) + "}\n" }
	one := func(source string) []string { return long([]file{parse(t, "mail/x.go", "package mail\n"+source)}) }

	finds(t, one(body(maxFunction+1)), "f has 61 lines")
	finds(t, one(strings.Repeat("var _ = 1\n", maxFile)), "401 lines of code")
	nothing(t, one(body(maxFunction)))
	nothing(t, one("func f() {\n"+strings.Repeat("\t// why\n\n", 100)+"\tprintln()\n}\n"))
	nothing(t, one(strings.Repeat("// why\n\n", maxFile)))
}
