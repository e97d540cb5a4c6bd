package signalstest

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/evertick/evertick/forker/signals"
)

// table is the effect of each signal on Linux, by what the process does. What
// waits has the effect of the first column when SIGCONT comes. An exec is the
// time between two Go programs, or before the first. Of SIGRTMIN and above a
// few stand for all, by number. 32 and 33 are the C library's own: what make(1)
// starts ignores them.
//
// Sources: the comment of package os/signal, sigtable and sighandler of package
// runtime; signal(7), and get_signal, sig_ignored and prepare_signal of the
// kernel.
const table = `
                                         listens    idle     ignores  stopped  exec     exec,ignored
HUP,INT,TERM                             delivered  killed   nothing  waits    killed   nothing
QUIT,ABRT                                delivered  crashes  nothing  waits    killed   nothing
ILL,TRAP,BUS,FPE,SEGV,STKFLT,SYS         delivered  crashes  nothing  waits    killed   killed
USR1,USR2,ALRM,XCPU,XFSZ,VTALRM,IO,PWR   delivered  nothing  nothing  waits    killed   nothing
35,64                                    delivered  nothing  nothing  waits    killed   nothing
PIPE                                     delivered  nothing  nothing  waits    killed   killed
PROF                                     nothing    nothing  nothing  waits    killed   killed
CHLD,URG,WINCH                           delivered  nothing  nothing  waits    nothing  nothing
TSTP,TTIN,TTOU                           delivered  stops    nothing  nothing  stops    nothing
CONT                                     delivered  nothing  nothing  resumes  nothing  nothing
STOP                                     stops      stops    stops    nothing  stops    stops
34                                       killed     killed   killed   waits    killed   killed
KILL                                     killed     killed   killed   killed   killed   killed
`

// parse returns the table's columns: each signal's effect, by number. A signal
// that the platform lacks is left out.
func parse(table string) map[string]map[syscall.Signal]string {
	lines := strings.Split(strings.TrimSpace(table), "\n")
	columns := strings.Fields(lines[0])
	parsed := map[string]map[syscall.Signal]string{}
	for _, column := range columns {
		parsed[column] = map[syscall.Signal]string{}
	}
	for _, line := range lines[1:] {
		fields := strings.Fields(line)
		for name := range strings.SplitSeq(fields[0], ",") {
			sig := unix.SignalNum("SIG" + name)
			if number, err := strconv.Atoi(name); err == nil {
				sig = syscall.Signal(number)
			}
			for i, column := range columns {
				if sig != 0 {
					parsed[column][sig] = fields[i+1]
				}
			}
		}
	}
	return parsed
}

// dumps is what a Go program says first when a signal makes it crash.
var dumps = map[string]string{
	"SIGQUIT": "SIGQUIT: quit", "SIGABRT": "SIGABRT: abort", "SIGILL": "SIGILL: illegal instruction",
	"SIGTRAP": "SIGTRAP: trace trap", "SIGBUS": "SIGBUS: bus error", "SIGFPE": "SIGFPE: floating-point exception",
	"SIGSEGV": "SIGSEGV: segmentation violation", "SIGSTKFLT": "SIGSTKFLT: stack fault", "SIGSYS": "SIGSYS: bad system call",
}

// column returns the case that checks a column of the table.
func column(name string, prepare func(p Process)) func(t *testing.T, start starter) {
	return func(t *testing.T, start starter) {
		columns := parse(table)
		c := &cells{column: name, listens: columns["listens"], start: func() Process {
			p := start(t, false)
			prepare(p)
			return p
		}}
		for _, sig := range sorted(columns[name]) {
			c.check(t, sig, columns[name][sig])
		}
	}
}

// catchable returns the signals that a program can listen for or ignore, or at
// least try to.
func catchable() (all []os.Signal) {
	for _, sig := range sorted(parse(table)["listens"]) {
		if sig != syscall.SIGKILL && sig != syscall.SIGSTOP {
			all = append(all, sig)
		}
	}
	return all
}

// sorted returns the signals of a column in an order that is always the same.
func sorted(column map[syscall.Signal]string) (all []syscall.Signal) {
	for sig := range column {
		all = append(all, sig)
	}
	slices.Sort(all)
	return all
}

// cells checks the cells of a column, with one process as long as it lives.
type cells struct {
	column  string
	listens map[syscall.Signal]string
	start   func() Process
	p       Process
}

func (c *cells) check(t *testing.T, sig syscall.Signal, want string) {
	t.Helper()
	t.Logf("%s: %s (%d) %s", c.column, signals.Name(sig), int(sig), want)
	if c.p == nil {
		c.p = c.start()
	}
	if c.column != "stopped" {
		send(t, c.p, sig)
		c.expect(t, sig, want)
		return
	}
	send(t, c.p, syscall.SIGSTOP)
	become(t, c.p, stopped)
	send(t, c.p, sig)
	if want == "waits" || want == "nothing" {
		require.Equal(t, stopped, c.p.State())
		require.Empty(t, receive(t, c.p))
		send(t, c.p, syscall.SIGCONT)
	}
	if want != "waits" {
		c.expect(t, sig, want)
		return
	}
	c.expect(t, sig, c.listens[sig])
}

// expect waits for an effect.
func (c *cells) expect(t *testing.T, sig syscall.Signal, want string) {
	t.Helper()
	switch want {
	case "delivered", "resumes":
		c.receive(t, sig)
	case "nothing":
		c.receive(t)
	case "stops":
		become(t, c.p, stopped)
		send(t, c.p, syscall.SIGCONT)
		become(t, c.p, running)
		if c.column == "listens" {
			receive(t, c.p, syscall.SIGCONT)
		}
	case "killed":
		become(t, c.p, "killed by "+signals.Name(sig))
		c.p = nil
	case "crashes":
		become(t, c.p, "exit status 2")
		require.Regexp(t, `^`+dumps[signals.Name(sig)]+`\nPC=0x(.|\n)*\ngoroutine `, c.p.Stderr())
		c.p = nil
	default:
		require.FailNow(t, "no effect", want)
	}
}

// receive waits for these signals, and the SIGCONT that has ended a stop, and for
// no other one.
func (c *cells) receive(t *testing.T, sigs ...os.Signal) {
	t.Helper()
	if c.column == "stopped" && !slices.Contains(sigs, os.Signal(syscall.SIGCONT)) {
		sigs = append(sigs, syscall.SIGCONT)
	}
	require.ElementsMatch(t, sigs, receive(t, c.p, sigs...))
	become(t, c.p, running)
}
