package forker_test

import (
	"context"
	"fmt"
	"time"

	"github.com/evertick/evertick/forker"
)

// A task is registered at package level, and TestMain of this package calls
// forker.Main.
var greet = forker.NewTask("greet", func(_ context.Context, c *forker.Child, name string) (string, error) {
	c.Logf("somebody comes")
	fmt.Println("this is printed in the child")
	return "hello " + name, nil
}, forker.Timeout(time.Minute))

func ExampleNewTask() {
	group := &forker.Group{Max: 4}
	h, err := greet.Fork(group, "world")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(h.Wait(context.Background()))
	// Output: hello world <nil>
}

// What a child prints and logs reaches the group's functions.
func ExampleGroup() {
	group := &forker.Group{
		OnLog:  func(_ forker.Info, text string) { fmt.Println("log:", text) },
		OnLine: func(_ forker.Info, text string) { fmt.Println("out:", text) },
		OnReap: func(i forker.Info, _ error) { fmt.Println("reap:", i.Task, i.Exit) },
	}
	h, err := greet.Fork(group, "world")
	if err != nil {
		fmt.Println(err)
		return
	}
	<-h.Done()
	// Unordered output:
	// log: somebody comes
	// out: this is printed in the child
	// reap: greet exit status 0
}

// A group that is being stopped forks no more.
func ExampleGroup_Refuse() {
	var group forker.Group
	group.Refuse()
	_, err := greet.Fork(&group, "world")
	fmt.Println(err)
	// Output: forker: fork task greet: children are refused: the daemon has not started yet, stops or restarts
}

// Many children run at once, within a limit; the others wait their turn.
func ExampleIfFull() {
	group := &forker.Group{Max: 2}
	var handles []*forker.Handle[int]
	for n := range 5 {
		h, err := square.Fork(group, n, forker.IfFull(forker.Queue))
		if err != nil {
			fmt.Println(err)
			return
		}
		handles = append(handles, h)
	}
	for _, h := range handles {
		fmt.Println(h.Wait(context.Background()))
	}
	// Output:
	// 0 <nil>
	// 1 <nil>
	// 4 <nil>
	// 9 <nil>
	// 16 <nil>
}

// A pool's workers stay from call to call.
func ExamplePool() {
	group := new(forker.Group)
	for _, text := range []string{"a", "b"} {
		out, err := two.twice.Call(context.Background(), group, text)
		fmt.Println(out, err)
	}
	fmt.Println(group.Pools()[0].Done, "calls of", len(group.List()), "worker")
	group.Stop(context.Background())
	// Output:
	// aa <nil>
	// bb <nil>
	// 2 calls of 1 worker
}
