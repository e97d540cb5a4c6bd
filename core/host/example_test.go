package host_test

import (
	"fmt"

	"github.com/evertick/evertick/core/host"
)

// A host of the machine itself, but for its name.
func ExampleReal() {
	h := host.Real()
	h.Name = "web-1"
	fmt.Println(h.Name, h.Clock != nil, h.Hooks.Observe == nil)
	// Output: web-1 true true
}
