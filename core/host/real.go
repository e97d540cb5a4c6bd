package host

import (
	"os"
	"os/user"
	"runtime"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/forker/pidfile"
	"github.com/evertick/evertick/forker/reexec"
	"github.com/evertick/evertick/forker/signals"
	"github.com/evertick/evertick/logfile"
)

// Real returns the machine itself. Its process-wide parts (signals, and what
// this process was handed at its start) exist once, so one daemon at a time
// can run on it.
func Real() Host {
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
		Self:       self,
		PIDFiles:   pidfile.Disk(clock),
		Replies:    pidfile.Sockets(clock),
		Signals:    signals.System(),
		Files:      logfile.Disk(),
		Supervisor: newSystemd(),
		Stdout:     os.Stdout,
		Stderr:     os.Stderr,
		Args:       os.Args[1:],
		Name:       name,
		User:       currentUser,
		Vitals:     runtimeVitals,
		Resident:   reexec.Resident,
		Exit:       os.Exit,
	}
}

// currentUser prefers the name over the number, but a static binary, or a
// container without a passwd file, has only the latter.
func currentUser() string {
	u, err := user.Current()
	if err != nil {
		return os.Getenv("USER")
	}
	return u.Username
}

// runtimeVitals stops the world for some microseconds.
func runtimeVitals() Vitals {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return Vitals{Heap: m.HeapAlloc, Goroutines: runtime.NumGoroutine(), Go: runtime.Version()}
}
