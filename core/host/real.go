package host

import (
	"cmp"
	"io"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/forker"
	"github.com/evertick/evertick/forker/pidfile"
	"github.com/evertick/evertick/forker/reexec"
	"github.com/evertick/evertick/forker/signals"
	"github.com/evertick/evertick/logfile"
)

// Real returns the machine itself. Its process-wide parts (signals, and what
// this process was handed at its start) exist once, so one daemon at a time
// can run on it. From the first call on, a write to a standard stream without a
// reader is an error and does not end the process.
func Real() Host {
	signals.CatchBrokenPipe()
	clock := clockwork.Real()
	self := reexec.System(clock)
	name, err := os.Hostname()
	if err != nil {
		name = "localhost"
	}
	return Host{
		Clock:      clock,
		Process:    self.Info(),
		Starter:    self,
		Self:       inPlace{self},
		Children:   forker.OS{},
		Init:       self.Init,
		PIDFiles:   pidfile.Disk(clock),
		Replies:    pidfile.Sockets(clock),
		Signals:    signals.System(),
		Files:      logfile.Disk(),
		CrashTo:    self.CrashTo,
		Supervisor: newSystemd(),
		Stdout:     os.Stdout,
		Stderr:     os.Stderr,
		Args:       os.Args[1:],
		Records:    Disk(),
		LookupEnv:  os.LookupEnv,
		Name:       name,
		StartOf:    reexec.StartOf,
		User:       currentUser,
		Vitals:     runtimeVitals,
		Resident:   reexec.Resident,
		OOMKills:   reexec.OOMKills,
		Terminal:   hasTerminal,
		Exit:       os.Exit,
	}
}

// inPlace executes the next program on the thread that keeps children alive.
type inPlace struct{ *reexec.OS }

func (s inPlace) Exec(p reexec.Program) (err error) {
	forker.OnStarterThread(func() { err = s.OS.Exec(p) })
	return err
}

// InTest reports whether this process is a test binary that go test runs: its
// command line has flags of go test's own. A daemon that a test binary becomes
// when it is executed again has none.
func InTest() bool {
	return slices.ContainsFunc(os.Args[1:], func(arg string) bool { return strings.HasPrefix(arg, "-test.") })
}

// Stderr returns the standard error of this process, for what is told before
// there is a host.
func Stderr() io.Writer { return os.Stderr }

// currentUser returns the effective user's number, and the name that the
// environment has for it. Package os/user would know the name for certain, but
// weighs 30 kB in every daemon for one line of a dump.
func currentUser() string {
	number := strconv.Itoa(os.Geteuid())
	if name := cmp.Or(os.Getenv("USER"), os.Getenv("LOGNAME")); name != "" {
		return name + " (" + number + ")"
	}
	return number
}

// runtimeVitals stops the world for some microseconds.
func runtimeVitals() Vitals {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return Vitals{Heap: m.HeapAlloc, Goroutines: runtime.NumGoroutine(), Go: runtime.Version()}
}
