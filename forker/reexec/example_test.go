package reexec_test

import (
	"fmt"
	"os"

	"github.com/evertick/evertick/forker/reexec"
)

// A process that a shell has started reports to nobody.
func ExampleSystem() {
	system := reexec.System(nil)
	info := system.Info()
	fmt.Println(info.Origin.Kind, info.PID == os.Getpid())
	fmt.Println(system.Report(reexec.Report{Running: true}))

	err := system.Exec(reexec.Program{Path: "/no/such/program", Args: []string{"-d"}, Dir: info.Origin.Dir})
	fmt.Println(err)
	// Output:
	// fresh true
	// <nil>
	// exec /no/such/program: there is no such file: file does not exist
}
