package rules

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// importers says which packages import a module of somebody else. A folder
// stands for those below it, too. A module without importers is for tests and
// suites of tests; a test may import every module of this list.
var importers = map[string][]string{
	"github.com/alecthomas/kingpin/v2": {"core", "examples", "plugin"},
	"github.com/benbjohnson/clock":     {"clockwork"},
	"github.com/bradfitz/gomemcache":   {"memcache"},
	"github.com/coreos/go-systemd/v22": {"core"},
	"github.com/emersion/go-sasl":      {"mail/mailtest"},
	"github.com/emersion/go-smtp":      {"mail/mailtest"},
	"github.com/robfig/cron/v3":        {"examples"},
	"github.com/stretchr/testify":      {"daemontest"},
	"github.com/wneessen/go-mail":      {"mail/smtp"},
	"go.uber.org/goleak":               {"internal/leaktest"},
	"golang.org/x/sys":                 {"clockwork", "core", "daemontest", "forker", "internal", "lock", "logfile"},
	"gopkg.in/ini.v1":                  {"plugin/ini"},
	"pgregory.net/rapid":               {"daemontest/explore"},
}

// indirect are the modules that those above bring along. Nobody imports them
// here.
var indirect = []string{
	"github.com/alecthomas/units",
	"github.com/xhit/go-str2duration/v2",
	"go.yaml.in/yaml/v3", // testify
	"golang.org/x/crypto",
	"golang.org/x/text",
}

// platforms are those that the library is built for.
var platforms = []string{"linux", "darwin", "freebsd"}

// within tells whether a path is one of the roots or below one.
func within(name string, roots ...string) bool {
	return slices.ContainsFunc(roots, func(root string) bool {
		return name == root || strings.HasPrefix(name, root+"/")
	})
}

// foreign tells whether an import is of a module of somebody else.
func foreign(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return strings.Contains(first, ".") && !within(path, module)
}

// suite tells whether a folder is a package's suite of tests, as mail/mailtest.
func suite(dir string) bool {
	return strings.Contains(dir, "/") && strings.HasSuffix(dir, "test")
}

// misplaced finds the imports of modules that a package has no use for.
func misplaced(p listed) []string {
	var found []string
	check := func(paths []string, test bool) {
		for _, path := range paths {
			if foreign(path) && !permitted(p.folder(), path, test) {
				found = append(found, fmt.Sprintf("%s imports %s: if it needs that module, say so in importers "+
					"in internal/rules/modules_test.go", p.folder(), path))
			}
		}
	}
	check(p.Imports, suite(p.folder()))
	check(slices.Concat(p.TestImports, p.XTestImports), true)
	return found
}

// permitted looks an import up in the list. A suite of tests may import what
// is for tests only, and testify.
func permitted(dir, path string, test bool) bool {
	for name, dirs := range importers {
		if within(path, name) {
			forTests := len(dirs) == 0 || name == "github.com/stretchr/testify" || !suite(dir)
			return test && forTests || within(dir, dirs...)
		}
	}
	return false
}

// uninvited finds the modules that come along with others.
func uninvited(p listed) []string {
	if p.Module == nil || p.Module.Path == module || within(p.Module.Path, indirect...) {
		return nil
	}
	if _, ok := importers[p.Module.Path]; ok {
		return nil
	}
	return []string{fmt.Sprintf("package %s of module %s comes along with another module; if it is worth its weight, "+
		"add it to indirect in internal/rules/modules_test.go", p.ImportPath, p.Module.Path)}
}

func TestModulesAreImportedWhereTheyAreNeeded(t *testing.T) {
	for _, platform := range platforms {
		for _, p := range goList(t, []string{"GOOS=" + platform, "CGO_ENABLED=0"}, "-deps", "./...") {
			if p.DepOnly {
				report(t, uninvited(p))
			} else {
				report(t, misplaced(p))
			}
		}
	}
}

func TestModulesAreImportedWhereTheyAreNeededCanFail(t *testing.T) {
	path := func(dir string) string { return module + "/" + dir }
	product := func(dir, target string) []string {
		return misplaced(listed{ImportPath: path(dir), Imports: []string{target}})
	}
	test := func(dir, target string) []string {
		return misplaced(listed{ImportPath: path(dir), XTestImports: []string{target}})
	}
	const where = "internal/rules/modules_test.go"

	finds(t, product("core", "github.com/benbjohnson/clock"), where)
	finds(t, product("mail/smtp", "github.com/emersion/go-smtp"), where)
	finds(t, product("core", "github.com/stretchr/testify/assert"), where)
	finds(t, product("lock/locktest", "github.com/benbjohnson/clock"), where)
	finds(t, test("core", "example.com/other"), where)
	nothing(t, product("clockwork", "github.com/benbjohnson/clock"))
	nothing(t, product("core", "net/mail"))
	nothing(t, product("core", path("lock")))
	nothing(t, product("lock/locktest", "github.com/stretchr/testify/assert"))
	nothing(t, test("core", "github.com/stretchr/testify/assert"))
	nothing(t, test("mail/smtp", "github.com/emersion/go-smtp"))

	from := func(name string) listed {
		return listed{ImportPath: name + "/x", Module: &struct{ Path string }{name}}
	}
	finds(t, uninvited(from("example.com/other")), "example.com/other")
	nothing(t, uninvited(from("golang.org/x/text")))
	nothing(t, uninvited(from(module)))
	nothing(t, uninvited(listed{ImportPath: "net/mail"}))
}
