package rules

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// arrow says that one file of a package uses what another one declares.
type arrow struct {
	from, to string   // names of files
	names    []string // identifiers, T.method and T.field, sorted
}

func (a arrow) String() string { return a.from + " -> " + a.to }

// arrowsOf finds the arrows between the files of a package. The name of the
// type in a method's receiver counts, too: who reads a method must know
// what it is a method of.
func arrowsOf(path string, set *token.FileSet, files []*ast.File, imports types.Importer) ([]arrow, error) {
	info := &types.Info{Uses: make(map[*ast.Ident]types.Object)}
	config := types.Config{Importer: imports}
	pkg, err := config.Check(path, set, files, info)
	if err != nil {
		return nil, err
	}
	name := func(pos token.Pos) string { return filepath.Base(set.Position(pos).Filename) }
	owners := fieldOwners(pkg)
	found := make(map[[2]string][]string)
	for ident, object := range info.Uses {
		if object.Pkg() != pkg || !object.Pos().IsValid() {
			continue
		}
		key := [2]string{name(ident.Pos()), name(object.Pos())}
		if used := qualified(object, owners); key[0] != key[1] && !slices.Contains(found[key], used) {
			found[key] = append(found[key], used)
		}
	}
	var arrows []arrow
	for key, names := range found {
		slices.Sort(names)
		arrows = append(arrows, arrow{key[0], key[1], names})
	}
	slices.SortFunc(arrows, func(a, b arrow) int { return cmp.Compare(a.String(), b.String()) })
	return arrows, nil
}

// fieldOwners maps the fields of a package's structs to the names of the
// structs.
func fieldOwners(pkg *types.Package) map[token.Pos]string {
	owners := make(map[token.Pos]string)
	for _, name := range pkg.Scope().Names() {
		if s, ok := pkg.Scope().Lookup(name).Type().Underlying().(*types.Struct); ok {
			for field := range s.Fields() {
				if owners[field.Pos()] == "" {
					owners[field.Pos()] = name
				}
			}
		}
	}
	return owners
}

// qualified is an object's name, behind that of the type that it belongs to.
func qualified(object types.Object, owners map[token.Pos]string) string {
	owner := owners[object.Pos()]
	if f, ok := object.(*types.Func); ok && f.Signature().Recv() != nil {
		receiver := f.Signature().Recv().Type()
		if p, ok := receiver.(*types.Pointer); ok {
			receiver = p.Elem()
		}
		if n, ok := receiver.(*types.Named); ok {
			owner = n.Obj().Name()
		}
	}
	if owner == "" {
		return object.Name()
	}
	return owner + "." + object.Name()
}

// compiled are the packages that the patterns match, as they are compiled on
// this platform, with the arrows between the files of each.
func compiled(t *testing.T, patterns ...string) map[*listed][]arrow {
	t.Helper()
	exports := make(map[string]string)
	packages := goList(t, nil, append([]string{"-export", "-deps"}, patterns...)...)
	for _, p := range packages {
		exports[p.ImportPath] = p.Export
	}
	open := func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) }
	arrows := make(map[*listed][]arrow)
	for _, p := range packages {
		if p.DepOnly {
			continue
		}
		set := token.NewFileSet()
		var files []*ast.File
		for _, name := range p.GoFiles {
			tree, err := parser.ParseFile(set, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, tree)
		}
		found, err := arrowsOf(p.ImportPath, set, files, importer.ForCompiler(set, "gc", open))
		if err != nil {
			t.Fatal(err)
		}
		arrows[&p] = found
	}
	return arrows
}

// upward are the arrows from a file to a higher one.
func upward(order []string, arrows []arrow) []arrow {
	var up []arrow
	for _, a := range arrows {
		if slices.Index(order, a.from) < slices.Index(order, a.to) {
			up = append(up, a)
		}
	}
	return up
}

// suggested is an order with few upward arrows: each file in turn is moved to
// its best place, until none has a better one.
func suggested(files []string, arrows []arrow) []string {
	best := slices.Clone(files)
	for better := true; better; {
		better = false
		for _, name := range files {
			without := slices.DeleteFunc(slices.Clone(best), func(f string) bool { return f == name })
			for place := range files {
				if tried := slices.Insert(slices.Clone(without), place, name); len(upward(tried, arrows)) < len(upward(best, arrows)) {
					best, better = tried, true
				}
			}
		}
	}
	return best
}

// describe lists arrows with what causes each, for a test's log.
func describe(order []string, arrows []arrow) string {
	up := upward(order, arrows)
	var text strings.Builder
	fmt.Fprintf(&text, "%d files, %d arrows, %d upward", len(order), len(arrows), len(up))
	for _, a := range up {
		fmt.Fprintf(&text, "\n  %s (%s)", a, strings.Join(a.names, ", "))
	}
	return text.String()
}
