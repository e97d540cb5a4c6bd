package reexec_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/evertick/evertick/forker/internal/roletest"
	"github.com/evertick/evertick/forker/reexec"
)

func refuse(args []string) {
	fmt.Fprintln(os.Stderr, "noise on standard error")
	roletest.Must(reexec.System(nil).Report(reexec.Report{Code: 3, Message: strings.Join(args, " ")}))
	os.Exit(3)
}

func mute([]string) {
	fmt.Fprintln(os.Stderr, "last\nwords")
	os.Exit(4)
}

func flood([]string) {
	fmt.Fprint(os.Stderr, strings.Repeat("x", 1<<20)+" the end")
	os.Exit(5)
}

// facts are what a launched process sees of itself.
type facts struct {
	Info           reexec.Info
	Session        int
	Before, After  string // working directories, before and after Settle
	Streams        []string
	Umask          int
	Environment    string
	ChildInherited string
}

// ready reports, settles, writes its facts to a file and stays.
func ready(args []string) {
	system := reexec.System(nil)
	f := facts{Info: system.Info()}
	f.Session, _ = unix.Getsid(0)
	f.Before, _ = os.Getwd()
	roletest.Must(system.Settle())
	f.After, _ = os.Getwd()
	f.Umask = syscall.Umask(0o022)
	fmt.Fprintln(os.Stderr, "before the report")
	roletest.Must(system.Report(reexec.Report{Running: true, Message: "well"}))
	roletest.Must(system.Report(reexec.Report{Message: "a second one"}))
	fmt.Fprintln(os.Stderr, "after the report")
	for fd := range 3 {
		to, _ := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
		f.Streams = append(f.Streams, to)
	}
	f.Environment = strings.Join(os.Environ(), "\n")
	out, err := roletest.Command("environment").Output()
	roletest.Must(err)
	f.ChildInherited = string(out)
	roletest.Save(args[0], f)
	roletest.Block()
}

// later is ready only after an exec.
func later(args []string) {
	system := reexec.System(nil)
	if system.Info().Origin.Kind == reexec.Detached {
		roletest.Must(system.Exec(program("later", args...)))
	}
	ready(args)
}

// chatter waits for the file args[1], writes to standard error, reports, and
// then says so in the file args[0].
func chatter(args []string) {
	for {
		if _, err := os.Stat(args[1]); err == nil {
			break
		}
		time.Sleep(time.Millisecond)
	}
	fmt.Fprintln(os.Stderr, "chatter")
	roletest.Must(reexec.System(nil).Report(reexec.Report{Running: true}))
	fmt.Fprintln(os.Stderr, "chatter")
	roletest.Save(args[0], os.Getpid())
	roletest.Block()
}

// killLater ends and reaps a launched process with the test.
func killLater(t *testing.T, pid int) {
	require.Positive(t, pid)
	t.Cleanup(func() {
		_ = syscall.Kill(pid, syscall.SIGKILL)
		_, _ = syscall.Wait4(pid, nil, 0, nil) // where it is our child
	})
}

func TestLaunchReturnsWhenTheDaemonIsReady(t *testing.T) {
	dir := t.TempDir()
	p := program("ready", filepath.Join(dir, "facts"))
	p.Dir, p.State = dir, []byte("state")
	report, err := reexec.System(nil).Launch(roletest.Within(t), p)
	require.NoError(t, err)
	killLater(t, report.PID)
	require.Equal(t, reexec.Report{PID: report.PID, Running: true, Message: "well"}, report)

	f := roletest.Load[facts](t, filepath.Join(dir, "facts"))
	require.Equal(t, report.PID, f.Info.PID)
	require.Equal(t, f.Info.PID, f.Session, "a session of its own")
	require.Equal(t, reexec.Origin{Kind: reexec.Detached, Dir: dir, State: []byte("state")}, f.Info.Origin)
	require.Equal(t, dir, f.Before)
	require.Equal(t, "/", f.After)
	require.Equal(t, 0o022, f.Umask)
	require.Equal(t, []string{"/dev/null", "/dev/null", "/dev/null"}, f.Streams)
	require.NotContains(t, f.Environment, "EVERTICK_")
	require.NotContains(t, f.ChildInherited, "EVERTICK_")
}

// A program that is replaced before it was ready leaves the report to the next
// one, and its launcher waits for that.
func TestLaunchWaitsForTheProgramThatFollows(t *testing.T) {
	path := filepath.Join(t.TempDir(), "facts")
	report, err := reexec.System(nil).Launch(roletest.Within(t), program("later", path))
	require.NoError(t, err)
	killLater(t, report.PID)
	require.Equal(t, reexec.Report{PID: report.PID, Running: true, Message: "well"}, report)
	f := roletest.Load[facts](t, path)
	require.Equal(t, reexec.Restarted, f.Info.Origin.Kind)
	require.Equal(t, report.PID, f.Info.PID)
	require.Equal(t, []string{"/dev/null", "/dev/null", "/dev/null"}, f.Streams)
	require.NotContains(t, f.ChildInherited, "EVERTICK_")
}

// A daemon that held the write end of somebody's pipe would keep its reader
// waiting for ever: ssh HOST 'daemon -d' would not return.
func TestADaemonHoldsNoDescriptorOfItsLauncher(t *testing.T) {
	var p [2]int
	require.NoError(t, unix.Pipe(p[:])) // without close-on-exec, as a shell leaves them
	r := os.NewFile(uintptr(p[0]), "pipe")
	defer r.Close()
	dir := t.TempDir()
	daemon := program("ready", filepath.Join(dir, "facts"))
	daemon.Dir = dir
	report, err := reexec.System(nil).Launch(roletest.Within(t), daemon)
	require.NoError(t, err)
	killLater(t, report.PID)
	require.NoError(t, unix.Close(p[1]))
	require.NoError(t, unix.SetNonblock(p[0], true))
	n, err := unix.Read(p[0], make([]byte, 1))
	require.NoError(t, err, "somebody still holds the other end")
	require.Zero(t, n)
}

func TestLaunchPassesALongStateOn(t *testing.T) {
	facts1 := filepath.Join(t.TempDir(), "facts")
	p := program("ready", facts1)
	p.State = []byte(strings.Repeat("state", 100_000))
	p.Dir = "/no/such/folder"
	report, err := reexec.System(nil).Launch(roletest.Within(t), p)
	require.NoError(t, err)
	killLater(t, report.PID)
	f := roletest.Load[facts](t, facts1)
	require.Equal(t, string(p.State), string(f.Info.Origin.State))
	require.Equal(t, "/no/such/folder", f.Info.Origin.Dir, "what relative paths meant is not forgotten")
	require.Equal(t, "/", f.Before)
}

func TestLaunchReturnsTheChildsOwnError(t *testing.T) {
	report, err := reexec.System(nil).Launch(roletest.Within(t), program("refuse", "no database"))
	require.NoError(t, err)
	require.Equal(t, reexec.Report{PID: report.PID, Code: 3, Message: "no database"}, report)
	require.ErrorIs(t, syscall.Kill(report.PID, 0), syscall.ESRCH, "it has been reaped")

	report, err = reexec.System(nil).Launch(roletest.Within(t), program("refuse"))
	require.NoError(t, err)
	require.Equal(t, "noise on standard error", report.Message)
}

func TestLaunchExplainsAnEndWithoutAReport(t *testing.T) {
	system := reexec.System(nil)
	_, err := system.Launch(roletest.Within(t), program("mute"))
	require.EqualError(t, err, "launch "+system.Info().Executable+
		": it ended with status 4 before it was ready\n\tlast\n\twords")

	_, err = system.Launch(roletest.Within(t), program("panic"))
	require.ErrorContains(t, err, "it ended with status 2 before it was ready\n\tpanic: boom")

	_, err = system.Launch(roletest.Within(t), program("flood"))
	require.ErrorContains(t, err, "xxx the end")
	require.Less(t, len(err.Error()), 70_000, "only the end is kept")
}

func TestLaunchOfWhatIsNoProgram(t *testing.T) {
	system := reexec.System(nil)
	_, err := system.Launch(roletest.Within(t), reexec.Program{Path: "/no/such/program", Dir: "/"})
	require.EqualError(t, err, "launch /no/such/program: there is no such file: file does not exist")
	_, err = system.Launch(roletest.Within(t), reexec.Program{Path: "/dev/null", Dir: "/"})
	require.ErrorIs(t, err, os.ErrPermission)
	_, err = system.Launch(roletest.Within(t), reexec.Program{Path: "/bin/true", Dir: "/"})
	require.EqualError(t, err, "launch /bin/true: it ended with status 0 before it was ready")
}

func TestADaemonOutlivesAnImpatientLauncher(t *testing.T) {
	dir := t.TempDir()
	done, goOn := filepath.Join(dir, "done"), filepath.Join(dir, "go")
	enough := errors.New("enough")
	ctx, cancel := context.WithTimeoutCause(context.Background(), 100*time.Millisecond, enough)
	defer cancel()
	_, err := reexec.System(nil).Launch(ctx, program("chatter", done, goOn))
	require.ErrorIs(t, err, enough)
	require.NoError(t, os.WriteFile(goOn, nil, 0o644))
	pid := roletest.Load[int](t, done) // it went on writing to a closed pipe, and its report reached nobody
	killLater(t, pid)
	require.False(t, roletest.Gone(pid))
}
