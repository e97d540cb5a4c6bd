package lock_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/evertick/evertick/lock"
)

// One gets the lock, and the other is told who has it.
func ExampleFile() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()

	ctx := context.Background()
	poller := lock.File(filepath.Join(dir, "poller.lock"))
	lease, err := poller.Acquire(ctx, lock.Owner{Name: "poller", PID: 4711, Host: "db1"})
	fmt.Println("first:", err)

	_, err = poller.Acquire(ctx, lock.Owner{Name: "poller", PID: 4712, Host: "db2"})
	var held *lock.HeldError
	if errors.As(err, &held) {
		fmt.Printf("second: held by %s, PID %d\n", held.Holder.Name, held.Holder.PID)
	}

	fmt.Println("released:", lease.Release(ctx))
	// Output:
	// first: <nil>
	// second: held by poller, PID 4711
	// released: <nil>
}

func ExampleParse() {
	for _, url := range []string{"file:/run/poller.lock", "poller.lock", "null:"} {
		l, err := lock.Parse(url)
		fmt.Println(l, err)
	}
	// Output:
	// file:/run/poller.lock <nil>
	// file:poller.lock <nil>
	// null: <nil>
}
