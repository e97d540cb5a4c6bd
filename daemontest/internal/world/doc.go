// Package world is the simulated machinery on which a scenario plays: the fakes
// that a daemon meets instead of an operating system, and the bubble in which
// they live. Package daemontest gives it a scenario in the user's words.
//
// The files, from low to high; each uses only those above it in this list.
//
//   - time: the bubble's time in quanta, and the lanes that put in order what is
//     due at one instant.
//   - wall: a machine's wall clock. signaleffects, signals: what signals do.
//   - files: the disk, which is a folder of real files. locked: which of them a
//     generation has locked, and how that ends with it.
//   - timers: those of a generation. watcher: what watches a process. process: what a process is to the others. generation: one program of a
//     process between two execs, and what ends with it. label: whose a goroutine is. clock: a generation's
//     clock.
//   - childlanes: the lanes of children. childpipe: the way from a child to its
//     daemon. child: what a child is to others. childoutput, childsignals,
//     childinput, childlife: what it writes, what signals do to it, what it is sent,
//     and its life. children: how they are
//     started, and what is wrong when one is left.
//   - logfiles, pidfile, locks: the real log files, PID files and lock files, with
//     faults on the way to them. Locks that are no files are kept in memory.
//   - replies, streams, supervisor, mail, program: the fakes. Each is a store with
//     its own mutex, beside the view that a generation has of it: a generation
//     that was replaced or killed, or whose process is stopped, reaches no store.
//   - reexec: starts, trials and execs of programs. observe: what a daemon does
//     goes into the timeline.
//   - steps: what happens beside the daemons. machine: what the processes of one
//     computer share.
//   - stacks: what the goroutines of a bubble are doing. causes: why one of them
//     stops the bubble's time, and what to do about it. watchdog: finds a bubble
//     whose time stands still.
//   - world: machines, what they share, and the processes. network: the lanes of
//     package network. sockets: what a scenario is told that asks for a real
//     connection.
//   - life: a process from its start to its end, each generation on its host.
//     play: the whole scenario, in its bubble.
//
// What is killed, or replaced by exec, is frozen: its event loop stands still at
// its next checkpoint and its calls of the harness do not return, until the
// scenario was judged. Then it comes to its end, without an effect.
//
// Processes affect one another only through the stores and through signals, and
// what one does arrives in the other's lane. So the order of everything at one
// instant is decided by the seed.
//
// What comes later has its place. A cluster is several machines in a [World],
// with the mail server and the lock store that are there already; partitions
// and skew are faults of the way from a generation to a store (processLock.reach)
// and of a machine's clock. A scenario in a text file becomes a [Config] by way
// of the same constructors of package daemontest, in a package beside this one.
// Exploration is a loop around [Play] with configurations drawn from a seed;
// [World.Taken] tells what a campaign has reached.
package world
