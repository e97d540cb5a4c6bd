package rules

import (
	"fmt"
	"go/ast"
	"testing"
)

// maxExported is how many exported identifiers core may have at its top level:
// what a user must find his way through. About half of them are options.
const maxExported = 90

// exported returns the exported identifiers that the files of a folder declare
// at their top level, methods apart.
func exported(files []file, dir string) (names []string) {
	for _, f := range files {
		if f.dir() != dir || f.test() {
			continue
		}
		for _, d := range f.tree.Decls {
			names = append(names, exportedBy(d)...)
		}
	}
	return names
}

func exportedBy(d ast.Decl) (names []string) {
	add := func(id *ast.Ident) {
		if id.IsExported() {
			names = append(names, id.Name)
		}
	}
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil {
			add(d.Name)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				add(spec.Name)
			case *ast.ValueSpec:
				for _, id := range spec.Names {
					add(id)
				}
			}
		}
	}
	return names
}

func TestCoreIsSmall(t *testing.T) {
	if names := exported(repository(t), "core"); len(names) > maxExported {
		t.Errorf("core exports %d identifiers, more than %d: %v", len(names), maxExported, names)
	} else {
		t.Logf("core exports %d identifiers", len(names))
	}
}

func TestExportedCounts(t *testing.T) {
	source := "package x\ntype T struct{ F int }\nfunc (T) M() {}\nfunc F() {}\nfunc f() {}\nconst (\n\tA = iota\n\tB\n\tc\n)\nvar V, w = 1, 2\n"
	got := exported([]file{parse(t, "core/a.go", source), parse(t, "core/a_test.go", source), parse(t, "lock/a.go", source)}, "core")
	if want := "[T F A B V]"; fmt.Sprint(got) != want {
		t.Errorf("got %v, want %s", got, want)
	}
}
