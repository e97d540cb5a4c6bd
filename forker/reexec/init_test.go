package reexec_test

import (
	"fmt"
	"os"
	"os/exec"

	"github.com/evertick/evertick/forker/internal/roletest"
	"github.com/evertick/evertick/forker/reexec"
)

// underInit stays as an init beside the role that it is given.
func underInit(args []string) {
	code, err := reexec.System(nil).Init(roletest.Args(args[0], args[1:]...))
	roletest.Must(err)
	os.Exit(code)
}

// orphans leaves processes behind, and waits.
func orphans([]string) {
	for range 20 {
		roletest.Must(exec.Command("sh", "-c", "true & true & exit 0").Run())
	}
	fmt.Println("left behind")
	roletest.Block()
}
