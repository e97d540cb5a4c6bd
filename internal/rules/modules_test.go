package rules

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// allowed says which folders import a module of somebody else outside their
// tests. A folder stands for those below it, too.
var allowed = map[string][]string{
	"github.com/alecthomas/kingpin/v2": {"core", "examples"},
	"github.com/benbjohnson/clock":     {"clockwork"},
	"github.com/bradfitz/gomemcache":   {"memcache"},
	"github.com/coreos/go-systemd/v22": {"core"},
	"github.com/emersion/go-sasl":      {"mail/mailtest"},
	"github.com/emersion/go-smtp":      {"mail/mailtest"},
	"github.com/stretchr/testify":      {"daemontest"},
	"github.com/wneessen/go-mail":      {"mail"},
	"golang.org/x/sys":                 {"clockwork", "core", "forker", "internal", "lock", "mail", "memcache"},
	"gopkg.in/ini.v1":                  {"plugin/ini"},
	"pgregory.net/rapid":               {"daemontest"},
}

// behind are the modules that come with an allowed one. Nobody imports them
// directly.
var behind = []string{
	"github.com/alecthomas/units",
	"github.com/xhit/go-str2duration/v2",
	"go.yaml.in/yaml/v3", // testify
	"golang.org/x/crypto",
	"golang.org/x/text",
}

// forTests are the modules that the suites of tests may import, too. A test
// itself may import every module of these lists.
var forTests = []string{
	"github.com/stretchr/testify",
	"go.uber.org/goleak",
	"pgregory.net/rapid",
}

// foreign tells whether an import is of a module of somebody else.
func foreign(target string) bool {
	first, _, _ := strings.Cut(target, "/")
	return strings.Contains(first, ".") && target != module && !strings.HasPrefix(target, module+"/")
}

// within tells whether a path is one of the roots or below one.
func within(name string, roots ...string) bool {
	return slices.ContainsFunc(roots, func(root string) bool {
		return name == root || strings.HasPrefix(name, root+"/")
	})
}

// strangers finds the imports of modules that the room has no business with.
func strangers(files []file) []string {
	var found []string
	for _, f := range files {
		for target := range f.imports() {
			if foreign(target) && !permitted(f, target) {
				found = append(found, fmt.Sprintf(
					"%s imports %s: each module is for the one room that needs it; if this one does, "+
						"add it to allowed in internal/rules/modules_test.go and to the list in the design",
					f.path, target))
			}
		}
	}
	return found
}

// permitted looks an import up in the lists.
func permitted(f file, target string) bool {
	if (f.test() || suite(f.dir())) && within(target, forTests...) {
		return true
	}
	for prefix, dirs := range allowed {
		if within(target, prefix) {
			return f.test() || within(f.dir(), dirs...)
		}
	}
	return false
}

func TestModulesHaveOneRoom(t *testing.T) {
	report(t, strangers(repository(t)))
}

func TestModulesHaveOneRoomCanFail(t *testing.T) {
	one := func(name, target string) []string {
		return strangers([]file{parse(t, name, fmt.Sprintf("package x\nimport _ %q\n", target))})
	}
	finds(t, one("core/loop.go", "github.com/benbjohnson/clock"), "internal/rules/modules_test.go")
	finds(t, one("mail/smtp.go", "github.com/emersion/go-smtp"), "internal/rules/modules_test.go")
	finds(t, one("core/loop.go", "github.com/stretchr/testify/assert"), "internal/rules/modules_test.go")
	finds(t, one("core/loop_test.go", "example.com/newcomer"), "internal/rules/modules_test.go")
	nothing(t, one("core/loop_test.go", "github.com/stretchr/testify/assert"))
	nothing(t, one("clockwork/clock.go", "github.com/benbjohnson/clock"))
	nothing(t, one("mail/smtp_test.go", "github.com/emersion/go-smtp"))
	nothing(t, one("core/loop.go", "net/mail"))
}

// newcomers finds the modules that came along with others.
func newcomers(modules []string) []string {
	var found []string
	for _, m := range modules {
		if m == "" || m == module || within(m, behind...) {
			continue
		}
		if _, ok := allowed[m]; !ok {
			found = append(found, fmt.Sprintf("module %s came along with another one; if it is worth its weight, "+
				"add it to behind in internal/rules/modules_test.go", m))
		}
	}
	return found
}

// Whoever imports the library gets these modules and no others.
func TestModulesBehindModules(t *testing.T) {
	report(t, newcomers(dependencies(t)))
}

func TestModulesBehindModulesCanFail(t *testing.T) {
	finds(t, newcomers([]string{module, "golang.org/x/text", "example.com/newcomer"}), "example.com/newcomer")
}

// dependencies are the modules that the packages of this one are compiled
// with, their tests apart, on this platform.
func dependencies(t *testing.T) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-e", "-deps", "-json=Module", "./...")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var modules []string
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct{ Module *struct{ Path string } }
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if p.Module != nil {
			modules = append(modules, p.Module.Path)
		}
	}
	slices.Sort(modules)
	return slices.Compact(modules)
}
