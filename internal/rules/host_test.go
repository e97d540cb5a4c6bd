package rules

import (
	"fmt"
	"go/ast"
	"path"
	"slices"
	"testing"
)

// outside are the ways to the outside world that only core/host.go may take.
var outside = map[string][]string{
	// A context's own timeout is not on the host's clock; clockwork.WithTimeout is.
	"context": {"WithDeadline", "WithDeadlineCause", "WithTimeout", "WithTimeoutCause"},
	"time": {
		"Now", "Sleep", "After", "AfterFunc", "NewTimer", "NewTicker", "Tick", "Since", "Until",
	},
	"os": {
		"Args", "Environ", "Exit", "Getenv", "LookupEnv", "Setenv", "Unsetenv", "Stderr", "Stdin", "Stdout",
	},
	"os/exec":   {"Command", "CommandContext"},
	"os/signal": {"Ignore", "Notify", "NotifyContext", "Reset", "Stop"},
	"syscall":   {"Exec", "ForkExec", "Kill"},
}

// escapes finds the ways out in core that do not go through the host.
func escapes(files []file) []string {
	var found []string
	for _, f := range files {
		if f.dir() != "core" || f.path == "core/host.go" || f.test() {
			continue
		}
		found = append(found, escapesOf(f)...)
	}
	return found
}

func escapesOf(f file) []string {
	var found []string
	packages := make(map[string]string) // by the name that they have in the file
	for target, name := range f.imports() {
		if outside[target] == nil {
			continue
		}
		if name == "." {
			found = append(found, fmt.Sprintf("%s: dot import of %s hides what it is used for", f.path, target))
		}
		packages[name] = target
	}
	ast.Inspect(f.tree, func(n ast.Node) bool {
		selector, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		// A name that the file declares itself has an object; a package's has not.
		if x, ok := selector.X.(*ast.Ident); ok && x.Obj == nil {
			if target := packages[x.Name]; slices.Contains(outside[target], selector.Sel.Name) {
				found = append(found, fmt.Sprintf("%s:%d: %s.%s: only core/host.go reaches the outside world; ask the host",
					f.path, f.line(selector), path.Base(target), selector.Sel.Name))
			}
		}
		return true
	})
	return found
}

func TestCoreReachesOutThroughItsHost(t *testing.T) {
	report(t, escapes(repository(t)))
}

func TestCoreReachesOutThroughItsHostCanFail(t *testing.T) {
	one := func(name, source string) []string { return escapes([]file{parse(t, name, "package core\n"+source)}) }

	const now = "import \"time\"\nvar now = time.Now\n"
	finds(t, one("core/loop.go", now), "core/loop.go:3: time.Now")
	finds(t, one("core/loop.go", "import wall \"time\"\nfunc f() { wall.Sleep(1) }\n"), "time.Sleep")
	finds(t, one("core/loop.go", "import \"os\"\nfunc f() { os.Exit(1) }\n"), "os.Exit")
	finds(t, one("core/loop.go", "import \"os/exec\"\nvar x = exec.Command(\"ls\")\n"), "exec.Command")
	finds(t, one("core/loop.go", "import . \"os\"\n"), "dot import")
	nothing(t, one("core/host.go", now))
	nothing(t, one("core/loop_test.go", now))
	nothing(t, one("mail/smtp.go", now))
	nothing(t, one("core/loop.go", "import \"time\"\nvar d = time.Second\n"))
	nothing(t, one("core/loop.go", "type clock struct{ Now func() }\nfunc f(time clock) { time.Now() }\n"))
}
