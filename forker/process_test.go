package forker_test

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/evertick/evertick/forker"
	"github.com/evertick/evertick/forker/internal/roletest"
)

var warmUp sync.Once

// leakFree checks, when the test ends, that it left no descriptor, goroutine or
// child of this process behind.
func leakFree(t *testing.T) {
	t.Helper()
	warmUp.Do(func() { // the runtime's own descriptors
		h, err := noop.Fork(new(forker.Group), none{})
		require.NoError(t, err)
		<-h.Done()
	})
	before := descriptors(t)
	// The clock's own goroutine ends at the time of a timer that was stopped.
	ignore := []goleak.Option{goleak.IgnoreCurrent(), goleak.IgnoreAnyFunction("github.com/evertick/evertick/clockwork.(*timerQueue).run")}
	t.Cleanup(func() {
		roletest.Eventually(t, "the end of all goroutines", func() bool { return goleak.Find(ignore...) == nil })
		require.Equal(t, before, descriptors(t), "open files")
		_, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
		require.ErrorIs(t, err, syscall.ECHILD, "a child, perhaps a zombie")
	})
}

func descriptors(t *testing.T) int {
	entries, err := os.ReadDir("/dev/fd")
	require.NoError(t, err)
	return len(entries)
}

var (
	inARow = flag.Int("forker.inarow", 30, "how many children TestManyForksLeaveNothing forks one after the other")
	atOnce = flag.Int("forker.atonce", 20, "how many children it forks at once")
)

func TestManyForksLeaveNothing(t *testing.T) {
	leakFree(t)
	w := watched(t, &forker.Group{Max: *atOnce})
	for range *inARow {
		h, err := noop.Fork(w.group, none{})
		require.NoError(t, err)
		_, err = h.Wait(roletest.Within(t))
		require.NoError(t, err)
	}
	var handles []*forker.Handle[int]
	for n := range *atOnce {
		h, err := square.Fork(w.group, n)
		require.NoError(t, err)
		handles = append(handles, h)
	}
	pids := make(map[int]bool)
	for n, h := range handles {
		got, err := h.Wait(roletest.Within(t))
		require.NoError(t, err)
		require.Equal(t, n*n, got)
		pids[h.PID()] = true
	}
	require.Len(t, pids, *atOnce)
	require.Equal(t, *inARow+*atOnce, w.count("fork"))
	require.Equal(t, *inARow+*atOnce, w.count("reap"))
}

func TestChildrenThatCannotBeStarted(t *testing.T) {
	leakFree(t)
	_, err := square.Fork(&forker.Group{Processes: forker.OS{Path: "/no/such/program"}}, 1)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.EqualError(t, err, "forker: fork task square: start: there is no program /no/such/program any more: "+
		"no such file or directory")
	_, err = square.Fork(&forker.Group{Processes: forker.OS{Path: "/dev/null"}}, 1)
	require.ErrorIs(t, err, os.ErrPermission)
	_, err = square.Fork(new(forker.Group), 1, forker.Dir("/no/such/folder"))
	require.ErrorContains(t, err, "its working directory /no/such/folder cannot be entered")
	_, err = square.Fork(new(forker.Group), 1, forker.Env("A="+strings.Repeat("x", 3<<20)))
	require.ErrorIs(t, err, syscall.E2BIG)
	require.ErrorContains(t, err, "its environment is too long")
	h, err := square.Fork(&forker.Group{Processes: forker.OS{Path: "/bin/false"}}, 1)
	require.NoError(t, err)
	_, err = h.Wait(roletest.Within(t))
	require.ErrorContains(t, err, "its main ended before it reached the task")
}

func TestAGrandchildDiesWithItsGroup(t *testing.T) {
	leakFree(t)
	w := watched(t, &forker.Group{})
	h, err := breeds.Fork(w.group, false)
	require.NoError(t, err)
	pid, err := h.Wait(roletest.Within(t))
	require.NoError(t, err)
	roletest.Eventually(t, "the grandchild's end", func() bool { return roletest.Gone(pid) })
	require.Equal(t, 1, w.count("line left one behind"), "a line without an end")
}

func TestAGrandchildThatLeavesTheGroupHoldsNothingUp(t *testing.T) {
	leakFree(t)
	w := watched(t, &forker.Group{})
	h, err := breeds.Fork(w.group, true)
	require.NoError(t, err)
	pid, err := h.Wait(roletest.Within(t))
	require.NoError(t, err)
	require.False(t, roletest.Gone(pid))
	require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
	require.Equal(t, 1, w.count("line left one behind"))
}

func TestTwentyMegabytesOfLines(t *testing.T) {
	leakFree(t)
	line := strings.Repeat("x", 99) + "\n"
	var lines, bytes int
	done := make(chan struct{})
	group := &forker.Group{
		OnLine: func(_ forker.Info, text string) { lines, bytes = lines+1, bytes+len(text)+1 },
		OnReap: func(forker.Info, error) { close(done) },
	}
	_, err := prints.Fork(group, printed{Text: strings.Repeat(line, 100), Times: 2000})
	require.NoError(t, err)
	<-done
	require.Equal(t, []int{200_000, 20_000_000}, []int{lines, bytes})
	ended := group.Stop(roletest.Within(t))
	require.Nil(t, ended)
}

func TestLongLinesComeInPieces(t *testing.T) {
	w := watched(t, &forker.Group{MaxLine: 10})
	h, err := prints.Fork(w.group, printed{Text: "0123456789abcde\n\n0123456789\nend", Stderr: "err", Times: 1})
	require.NoError(t, err)
	_, err = h.Wait(roletest.Within(t))
	require.NoError(t, err)
	var stdout []string
	for _, note := range w.all() {
		if text, ok := strings.CutPrefix(note, "line "); ok && text != "err" {
			stdout = append(stdout, text)
		}
	}
	require.Equal(t, []string{"0123456789", "abcde", "", "0123456789", "end"}, stdout)
	require.Equal(t, 1, w.count("line err"))
}

func TestAChildThatClosesItsPipes(t *testing.T) {
	leakFree(t)
	w := watched(t, &forker.Group{})
	for _, fds := range [][]int{{1, 2}, {3}, {4}} {
		h, err := closes.Fork(w.group, fds)
		require.NoError(t, err)
		_, err = h.Wait(roletest.Within(t))
		if fds[0] == 4 {
			require.ErrorContains(t, err, "exit status 0 without a result")
		} else {
			require.NoError(t, err)
		}
	}
}

func TestChildrenDieWithTheirParent(t *testing.T) {
	const children = 20
	cmd := roletest.Command("parent", fmt.Sprint(children))
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	cmd.Stderr = os.Stderr
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	pids := make(map[int]bool) // of the children and of ten grandchildren
	for lines := bufio.NewScanner(out); len(pids) < children+children/2 && lines.Scan(); {
		var child, grandchild int
		n, _ := fmt.Sscan(lines.Text(), &child, &grandchild)
		pids[child] = true
		if n == 2 {
			pids[grandchild] = true
		}
	}
	require.Len(t, pids, children+children/2)
	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())
	for pid := range pids {
		roletest.Eventually(t, fmt.Sprint("the end of ", pid), func() bool { return roletest.Gone(pid) })
	}
}

// A parent that is killed while it starts children leaves none, whatever they
// had reached.
func TestAParentKilledAtAnyMomentLeavesNoChild(t *testing.T) {
	if _, err := os.Stat("/proc/self/environ"); err != nil {
		t.Log("what runs cannot be found without /proc")
		return
	}
	for round := range 4 {
		mark := fmt.Sprintf("TEST_MARK=%d-%d", os.Getpid(), round)
		cmd := roletest.Command("parent", "1000")
		cmd.Env = append(os.Environ(), mark)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		lines := bufio.NewReader(out)
		for range 5 * round { // so many children are there, more are on the way
			_, err := lines.ReadString('\n')
			require.NoError(t, err)
		}
		require.NoError(t, cmd.Process.Kill())
		_, _ = io.Copy(io.Discard, out)
		require.Error(t, cmd.Wait())
		roletest.Eventually(t, "no process", func() bool { return len(marked(t, mark)) == 0 })
	}
}

// marked returns the processes with a string in their environment.
func marked(t *testing.T, mark string) (found []string) {
	files, err := filepath.Glob("/proc/[0-9]*/environ")
	require.NoError(t, err)
	for _, file := range files {
		text, _ := os.ReadFile(file) // it may have ended
		if strings.Contains(string(text), mark) {
			found = append(found, file)
		}
	}
	return found
}

// What makes a process a child has no effect in one that got it by mistake.
func TestAStartVariableOfAnotherProcessIsIgnored(t *testing.T) {
	for _, value := range []string{`{"task":"square","pipe":1}`, `{"task":"square"`, ""} {
		cmd := roletest.Command("environment")
		cmd.Env = append(os.Environ(), "EVERTICK_CHILD="+value)
		read, write, err := os.Pipe()
		require.NoError(t, err)
		cmd.ExtraFiles = []*os.File{read, write}
		out, err := cmd.Output()
		read.Close()
		write.Close()
		require.NoError(t, err)
		require.Contains(t, string(out), "PATH=")
		require.NotContains(t, string(out), "EVERTICK_CHILD")
	}
}
