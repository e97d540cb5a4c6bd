// Package forker runs functions in processes of their own. A task that crashes,
// hangs or eats memory ends alone; the daemon reads why.
//
// What a daemon does with its own process is in the packages below: signals,
// pidfile and reexec.
//
// # Tasks
//
// Go cannot fork, so a task is a function that is registered under a name, at
// package level. Fork starts the same program once more, and the child runs the
// function instead of main:
//
//	var square = forker.NewTask("square", func(ctx context.Context, c *forker.Child, n int) (int, error) {
//		return n * n, nil
//	})
//
//	func main() {
//		forker.Main() // a child ends here
//		var group forker.Group
//		h, err := square.Fork(&group, 12)
//		…
//		n, err := h.Wait(ctx) // 144
//	}
//
// [Main] comes first in main, and in TestMain: a test binary forks itself. The
// argument and the result travel as JSON over a private pipe, so that standard
// output stays free: what a child prints reaches [Group].OnLine line by line.
//
// A task has steps of its own by [CheckEnvironment], [SetUp] and [TearDown], and
// [WithSetup] runs the daemon's Setup in the child first. [AtStart] is for each
// child.
//
// # Pools
//
// A call of a [Pool] costs no fork: its workers are processes that stay, and a
// warm call is some hundred times as fast as one. Methods of any types are
// added to it:
//
//	var shop = forker.NewPool("shop", forker.PoolConfig{Workers: 4, Setup: connect})
//
//	var price = forker.NewMethod(shop, "price", func(ctx context.Context, c *forker.Child, id int) (float64, error) { … })
//
//	p, err := price.Call(ctx, &group, 12)
//
// Call waits for the result. Submit returns at once: the call can be waited for,
// asked for its state, cancelled, or followed by a function ([Call.Then]). Each
// call ends exactly once: in a result, in the method's error, or in a
// [CallError], which says whether the method may have run. It is run at most
// once unless PoolConfig.Retries asks for more.
//
// [PoolConfig] says how many workers there are, how many calls wait, and when a
// worker is replaced. One that dies is replaced at once, then after pauses that
// grow until a call is answered. Workers are children of the group: they count
// against its limits, are listed, and end with it.
//
// # Functions
//
// What needs no process of its own runs in a goroutine within the same limits:
// [Group.Go].
//
// # What is guaranteed
//
//   - Every child is reaped at once, and once; no other process is ever waited
//     for. Its process group is killed first, while its number is its own.
//   - Every handle ends: in a result, or in an error that says what became of
//     the child (see [Handle.Wait]). A failure that nobody waits for reaches
//     [Group].OnFailure.
//   - Every child has a time-out: SIGTERM, which ends its context, and after a
//     grace SIGKILL for its group. [Group.Stop] ends all of them within one limit.
//   - A child and what it started in its process group die when the daemon
//     does, even by SIGKILL.
//   - A pipe that a grandchild holds open keeps nobody waiting.
//
// # How a child dies with its daemon
//
// Linux kills it with the thread that started it (PDEATHSIG of prctl(2)), so one
// thread starts all children and lives as long as any of them. That reaches no
// grandchildren. A child that has reached Main therefore waits for the end of
// its input pipe, which comes at the daemon's death, and kills its process
// group; from then on PDEATHSIG is SIGHUP, for what it may have executed in its
// place. A grandchild that leaves the process group (setsid(2)) is not found.
//
// Exec in place (package reexec) closes the pipe as well: children end before a
// restart, or with it, but for those that outlive it ([OutliveRestart]). For them
// the pipe alone is what ends with the daemon, and [Group.Handoff] hands it over.
// [OnStarterThread] is where such an exec belongs.
//
// # Limits
//
// [Group] has limits for all of its children, and each [Option] one for those of
// a task ([NewTask]) or for a single one (Fork): [Timeout], [Grace], [AtMost],
// [IfFull], [Nice], [Memory], [Dir], [Env]. A negative one is refused.
//
//	platform        dies with the daemon    Memory
//	Linux           at any moment           RLIMIT_DATA, and looking
//	darwin,freebsd  once it reached Main    looking at what is resident
//
// [Memory] ends a Go program with ErrMemory when it needs more. What the
// kernel kills because the machine, or a cgroup, has no memory left ends by
// SIGKILL.
//
// # Elsewhere
//
// docs/children.md says which of a task, a call and a function to take, and what
// becomes of each at a stop, a crash and too much work.
//
// All work with processes goes through [Processes]. Package forkertest has the
// tests that each implementation of it passes.
package forker
