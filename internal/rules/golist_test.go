package rules

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// listed is a package as go list prints it.
type listed struct {
	ImportPath, Name, Dir     string
	Export                    string // the file of its export data, with -export
	GoFiles, IgnoredGoFiles   []string
	Imports                   []string
	TestImports, XTestImports []string
	Module                    *struct{ Path string }
	DepOnly                   bool // not asked for: something that was asked for imports it
}

// folder is the package's folder from the repository's root.
func (p listed) folder() string { return strings.TrimPrefix(p.ImportPath, module+"/") }

// goList runs go list at the repository's root.
func goList(t *testing.T, env []string, args ...string) []listed {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"list", "-json"}, args...)...)
	cmd.Dir, cmd.Env = filepath.Join("..", ".."), append(os.Environ(), env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, stderr.Bytes())
	}
	var packages []listed
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}
