package forker_test

import (
	"context"
	"encoding/json"
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

	"github.com/evertick/evertick/forker"
)

func init() {
	roles["ready"] = ready
	roles["refuse"] = func(args []string) {
		fmt.Fprintln(os.Stderr, "noise on standard error")
		must(forker.System().Report(forker.Report{Code: 3, Message: strings.Join(args, " ")}))
		os.Exit(3)
	}
	roles["mute"] = func([]string) {
		fmt.Fprintln(os.Stderr, "last\nwords")
		os.Exit(4)
	}
	roles["panic"] = func([]string) { panic("boom") }
	roles["chatter"] = chatter
	roles["flood"] = func([]string) {
		fmt.Fprint(os.Stderr, strings.Repeat("x", 1<<20)+" the end")
		os.Exit(5)
	}
	roles["environment"] = func([]string) { fmt.Print(strings.Join(os.Environ(), "\n")) }
}

// facts are what a launched process sees of itself.
type facts struct {
	PID, Session   int
	Birth          forker.Birth
	Before, After  string // working directories, before and after Settle
	Streams        []string
	Umask          int
	Environment    string
	ChildInherited string
}

// ready reports, settles, writes its facts to a file and stays.
func ready(args []string) {
	m := forker.System()
	var f facts
	f.PID, f.Birth = m.PID(), m.Birth()
	f.Session, _ = unix.Getsid(0)
	f.Before, _ = os.Getwd()
	must(m.Settle())
	f.After, _ = os.Getwd()
	f.Umask = syscall.Umask(0o022)
	fmt.Fprintln(os.Stderr, "still heard")
	must(m.Report(forker.Report{Running: true, Message: "well"}))
	must(m.Report(forker.Report{Message: "a second one"}))
	fmt.Fprintln(os.Stderr, "not heard any more")
	for fd := range 3 {
		to, _ := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
		f.Streams = append(f.Streams, to)
	}
	f.Environment = strings.Join(os.Environ(), "\n")
	out, err := command("environment").Output()
	must(err)
	f.ChildInherited = string(out)
	save(args[0], f)
	block()
}

// chatter writes to standard error all the time, and reports late.
func chatter(args []string) {
	m := forker.System()
	for range 50 {
		fmt.Fprintln(os.Stderr, "chatter")
		time.Sleep(10 * time.Millisecond)
	}
	must(m.Report(forker.Report{Running: true}))
	fmt.Fprintln(os.Stderr, "chatter")
	save(args[0], m.PID())
	block()
}

// save writes value to path in one step.
func save(path string, value any) {
	text, err := json.Marshal(value)
	must(err)
	must(os.WriteFile(path+".new", text, 0o644))
	must(os.Rename(path+".new", path))
}

// load waits for what save writes.
func load[T any](t *testing.T, path string) T {
	t.Helper()
	var value T
	eventually(t, path, func() bool {
		text, err := os.ReadFile(path)
		return err == nil && json.Unmarshal(text, &value) == nil
	})
	return value
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
	img := image("ready", filepath.Join(dir, "facts"))
	img.Dir, img.State = dir, []byte("luggage")
	report, err := forker.System().Launch(within(t), img)
	require.NoError(t, err)
	killLater(t, report.PID)
	require.Equal(t, forker.Report{PID: report.PID, Running: true, Message: "well"}, report)

	f := load[facts](t, filepath.Join(dir, "facts"))
	require.Equal(t, report.PID, f.PID)
	require.Equal(t, f.PID, f.Session, "a session of its own")
	require.Equal(t, forker.Birth{Kind: forker.Detached, Dir: dir, State: []byte("luggage")}, f.Birth)
	require.Equal(t, dir, f.Before)
	require.Equal(t, "/", f.After)
	require.Equal(t, 0o022, f.Umask)
	require.Equal(t, []string{"/dev/null", "/dev/null", "/dev/null"}, f.Streams)
	require.NotContains(t, f.Environment, "EVERTICK_")
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
	img := image("ready", filepath.Join(dir, "facts"))
	img.Dir = dir
	report, err := forker.System().Launch(within(t), img)
	require.NoError(t, err)
	killLater(t, report.PID)
	require.NoError(t, unix.Close(p[1]))
	require.NoError(t, unix.SetNonblock(p[0], true))
	n, err := unix.Read(p[0], make([]byte, 1))
	require.NoError(t, err, "somebody still holds the other end")
	require.Zero(t, n)
}

func TestLaunchCarriesALongState(t *testing.T) {
	facts1 := filepath.Join(t.TempDir(), "facts")
	img := image("ready", facts1)
	img.State = []byte(strings.Repeat("luggage", 100_000))
	img.Dir = "/no/such/folder"
	report, err := forker.System().Launch(within(t), img)
	require.NoError(t, err)
	killLater(t, report.PID)
	f := load[facts](t, facts1)
	require.Equal(t, string(img.State), string(f.Birth.State))
	require.Equal(t, "/no/such/folder", f.Birth.Dir, "what relative paths meant is not forgotten")
	require.Equal(t, "/", f.Before)
}

func TestLaunchTellsTheChildsOwnError(t *testing.T) {
	report, err := forker.System().Launch(within(t), image("refuse", "no database"))
	require.NoError(t, err)
	require.Equal(t, forker.Report{PID: report.PID, Code: 3, Message: "no database"}, report)
	require.ErrorIs(t, syscall.Kill(report.PID, 0), syscall.ESRCH, "it has been reaped")

	report, err = forker.System().Launch(within(t), image("refuse"))
	require.NoError(t, err)
	require.Equal(t, "noise on standard error", report.Message)
}

func TestLaunchTellsOfADeathWithoutAReport(t *testing.T) {
	m := forker.System()
	_, err := m.Launch(within(t), image("mute"))
	require.EqualError(t, err, "forker: launch "+m.Executable()+
		": it ended with status 4 before it was ready\n\tlast\n\twords")

	_, err = m.Launch(within(t), image("panic"))
	require.ErrorContains(t, err, "it ended with status 2 before it was ready\n\tpanic: boom")

	_, err = m.Launch(within(t), image("flood"))
	require.ErrorContains(t, err, "xxx the end")
	require.Less(t, len(err.Error()), 70_000, "only the end is kept")
}

func TestLaunchOfWhatIsNoProgram(t *testing.T) {
	m := forker.System()
	_, err := m.Launch(within(t), forker.Image{Path: "/no/such/program", Dir: "/"})
	require.EqualError(t, err, "forker: launch /no/such/program: there is no such file: file does not exist")
	_, err = m.Launch(within(t), forker.Image{Path: "/dev/null", Dir: "/"})
	require.ErrorIs(t, err, os.ErrPermission)
	_, err = m.Launch(within(t), forker.Image{Path: "/bin/true", Dir: "/"})
	require.EqualError(t, err, "forker: launch /bin/true: it ended with status 0 before it was ready")
}

func TestADaemonOutlivesAnImpatientLauncher(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	enough := errors.New("enough")
	ctx, cancel := context.WithTimeoutCause(context.Background(), 100*time.Millisecond, enough)
	defer cancel()
	_, err := forker.System().Launch(ctx, image("chatter", file))
	require.ErrorIs(t, err, enough)
	pid := load[int](t, file) // it went on talking to a closed pipe, and reported to nobody
	killLater(t, pid)
	require.False(t, gone(pid))
}
