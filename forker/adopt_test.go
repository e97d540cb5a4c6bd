package forker_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/forker"
	"github.com/evertick/evertick/forker/internal/roletest"
	"github.com/evertick/evertick/forker/reexec"
)

var (
	// chats says n lines in each way, one of them in two parts, and returns a long
	// text.
	chats = forker.NewTask("chats", func(_ context.Context, c *forker.Child, n int) (string, error) {
		for i := range n {
			c.Logf("log %d %s", i, strings.Repeat("x", 2000))
			fmt.Printf("print %d", i)
			fmt.Println(" whole")
		}
		return strings.Repeat("x", 3<<20), nil
	})

	// yields returns when it is told to end. It begins a line that is longer than
	// those that are handed on, and ends it then.
	yields = forker.NewTask("yields", func(ctx context.Context, c *forker.Child, n int) (int, error) {
		fmt.Print(strings.Repeat("y", forker.DefaultMaxLine+1000))
		c.Logf("there")
		<-ctx.Done()
		fmt.Println("end")
		return n, nil
	})

	// vanishes is a task of programs with this variable alone.
	vanishes = func() *forker.Task[int, int] {
		if os.Getenv("TEST_HAS_VANISHES") == "" {
			return nil
		}
		return forker.NewTask("vanishes", func(_ context.Context, _ *forker.Child, n int) (int, error) { return n, nil })
	}()
)

// parents are programs that execute one another, each with the children of the
// one before.
type parents struct {
	group   *forker.Group
	program int           // this one's number, from 0
	said    chan struct{} // for each line that a child has logged
}

// relayed is what one tells the next.
type relayed struct {
	Program  int
	Children string
}

// newParent takes over what the program before has left.
func newParent() *parents {
	p := &parents{said: make(chan struct{}, 100_000)}
	p.group = &forker.Group{
		OnLine: func(i forker.Info, text string) {
			fmt.Println(i.PID, strings.ReplaceAll(text, strings.Repeat("y", 1000), "Y"))
			if strings.HasPrefix(text, "yy") {
				p.said <- struct{}{}
			}
		},
		OnLog: func(i forker.Info, text string) {
			fmt.Println(i.PID, strings.TrimRight(text, "x"))
			p.said <- struct{}{}
		},
		OnFailure: func(i forker.Info, err error) { fmt.Println(i.PID, "failure", err) },
	}
	var before relayed
	if state := reexec.System(nil).Info().Origin.State; state != nil {
		roletest.Must(json.Unmarshal(state, &before))
	}
	p.program = before.Program
	p.group.Refuse()
	infos, err := p.group.Adopt(before.Children)
	fmt.Println("adopted", len(infos), err)
	return p
}

// await waits for so many logged lines.
func (p *parents) await(n int) {
	for range n {
		<-p.said
	}
}

// next executes the next program.
func (p *parents) next(dropFiles bool) {
	handoff, err := p.group.Handoff()
	roletest.Must(err)
	state, err := json.Marshal(relayed{p.program + 1, handoff.Value})
	roletest.Must(err)
	if dropFiles {
		handoff.Files = nil
	}
	self := reexec.System(nil)
	forker.OnStarterThread(func() {
		err = self.Exec(reexec.Program{Path: self.Info().Executable, Args: os.Args[1:], State: state, Files: handoff.Files})
	})
	roletest.Must(err)
}

// restart stops and executes the next program.
func (p *parents) restart() {
	if killed := p.group.StopForRestart(context.Background()); killed != nil {
		roletest.Must(fmt.Errorf("killed: %v", killed))
	}
	p.next(false)
}

// read prints the results of the children that were adopted.
func read[In, Out any](p *parents, task *forker.Task[In, Out], text func(Out) string) {
	for _, h := range task.Adopted(p.group) {
		out, err := h.Wait(context.Background())
		fmt.Println(h.PID(), "result", text(out), err)
	}
}

func number(n int) string { return fmt.Sprint(n) }

// talkative restarts after each 20 lines, args[0] times.
func talkative(args []string) {
	p := newParent()
	last, err := strconv.Atoi(args[0])
	roletest.Must(err)
	p.group.Accept()
	if p.program == 0 {
		_, err := chats.Fork(p.group, 400, forker.OutliveRestart())
		roletest.Must(err)
	}
	if p.program < last {
		p.await(20)
		p.restart()
	}
	read(p, chats, func(text string) string { return fmt.Sprint(len(text)) })
}

// late restarts before its child has reached Main, and has read its argument.
func late(args []string) {
	p := newParent()
	p.group.Accept()
	if p.program == 0 {
		_, err := chatsBack.Fork(p.group, strings.Repeat("x", 3<<20), forker.OutliveRestart(), forker.Env("TEST_WAITS_FOR="+args[0]))
		roletest.Must(err)
		p.restart()
	}
	roletest.Must(os.WriteFile(args[0], nil, 0o644))
	read(p, chatsBack, number)
}

var chatsBack = forker.NewTask("chatsBack", func(_ context.Context, _ *forker.Child, text string) (int, error) { return len(text), nil })

// ended restarts when its child has ended, but was not reaped.
func ended([]string) {
	p := newParent()
	if p.program == 0 {
		p.group.Accept()
		h, err := yields.Fork(p.group, 7, forker.OutliveRestart())
		roletest.Must(err)
		p.await(2) // the first piece of its line, too
		p.group.StopForRestart(context.Background())
		roletest.Must(syscall.Kill(h.PID(), syscall.SIGTERM))
		for !roletest.Gone(h.PID()) {
			time.Sleep(time.Millisecond)
		}
		p.next(false)
	}
	p.group.Accept()
	read(p, yields, number)
	_, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
	fmt.Println("left:", err)
}

// vanished restarts into a program that has the task no more; args[0] is in the
// way of the child until then.
func vanished(args []string) {
	p := newParent()
	p.group.Accept()
	if p.program == 0 {
		_, err := vanishes.Fork(p.group, 7, forker.OutliveRestart(), forker.Env("TEST_WAITS_FOR="+args[0]))
		roletest.Must(err)
		roletest.Must(os.Unsetenv("TEST_HAS_VANISHES"))
		p.restart()
	}
	fmt.Println("children", len(p.group.List()))
	roletest.Must(os.WriteFile(args[0], nil, 0o644))
	for len(p.group.List()) > 0 {
		time.Sleep(time.Millisecond)
	}
	fmt.Println("children", len(p.group.List()))
}

// lost passes no descriptors on.
func lost([]string) {
	p := newParent()
	if p.program == 0 {
		p.group.Accept()
		_, err := yields.Fork(p.group, 7, forker.OutliveRestart())
		roletest.Must(err)
		p.await(1)
		p.group.StopForRestart(context.Background())
		p.next(true)
	}
	for {
		if _, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); err != nil {
			fmt.Println("left:", err)
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// killedBefore kills its child when that is paused.
func killedBefore([]string) {
	p := newParent()
	if p.program == 0 {
		p.group.Accept()
		h, err := yields.Fork(p.group, 7, forker.OutliveRestart())
		roletest.Must(err)
		p.await(2)
		p.group.StopForRestart(context.Background())
		h.Kill()
		for !roletest.Gone(h.PID()) {
			time.Sleep(time.Millisecond)
		}
		p.next(false)
	}
	p.group.Accept()
	read(p, yields, number)
}

// many restarts with args[0] children, half of which end meanwhile.
func many(args []string) {
	p := newParent()
	n, err := strconv.Atoi(args[0])
	roletest.Must(err)
	p.group.Max = n
	p.group.Accept()
	if p.program == 0 {
		for i := range n {
			_, err := yields.Fork(p.group, i, forker.OutliveRestart())
			roletest.Must(err)
		}
		p.await(2 * n)
		p.group.StopForRestart(context.Background())
		for i, child := range p.group.List() {
			if i%2 == 0 {
				roletest.Must(syscall.Kill(child.PID, syscall.SIGTERM))
			}
		}
		p.next(false)
	}
	for _, child := range p.group.List() {
		_ = syscall.Kill(child.PID, syscall.SIGTERM)
	}
	sum := 0
	for _, h := range yields.Adopted(p.group) {
		result, err := h.Wait(context.Background())
		roletest.Must(err)
		sum += result
	}
	fmt.Println("sum", sum)
	_, err = syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
	fmt.Println("left:", err)
}

// killedLater waits, in its third program, to be killed.
func killedLater([]string) {
	p := newParent()
	p.group.Accept()
	if p.program == 0 {
		for range 3 {
			_, err := hangs.Fork(p.group, none{}, forker.OutliveRestart())
			roletest.Must(err)
		}
		p.await(3)
	}
	if p.program < 2 {
		p.restart()
	}
	for _, i := range p.group.List() {
		fmt.Println(i.PID, "child", i.Task, i.State)
	}
	fmt.Println("ready")
	roletest.Block()
}

func init() {
	roles["talkative"], roles["late"], roles["ended"] = talkative, late, ended
	roles["vanished"], roles["lost"], roles["killedLater"] = vanished, lost, killedLater
	roles["killedBefore"], roles["many"] = killedBefore, many
}

// outputOf returns what a role prints.
func outputOf(t *testing.T, role string, args ...string) string {
	t.Helper()
	cmd := roletest.Command(role, args...)
	cmd.Env = append(os.Environ(), "TEST_HAS_VANISHES=1")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	return string(out)
}

// Nothing of what a child says is lost, doubled or torn, over some restarts in
// the middle of it.
func TestAChildIsHeardOverRestarts(t *testing.T) {
	var logs, prints []string
	out := outputOf(t, "talkative", "5")
	for line := range strings.Lines(out) {
		_, said, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch what, rest, _ := strings.Cut(said, " "); what {
		case "log":
			logs = append(logs, rest)
		case "print":
			prints = append(prints, strings.TrimSuffix(rest, " whole"))
		}
	}
	var want []string
	for n := range 400 {
		want = append(want, fmt.Sprint(n))
	}
	require.Equal(t, want, logs)
	require.Equal(t, want, prints)
	require.Equal(t, 5, strings.Count(out, "adopted 1 <nil>\n"))
	require.Contains(t, out, " result 3145728 <nil>\n")
}

// A child that has not reached Main yet lives on, and gets what is left of its
// argument.
func TestAChildThatIsNotThereYetOutlivesARestart(t *testing.T) {
	out := outputOf(t, "late", filepath.Join(t.TempDir(), "go"))
	require.Contains(t, out, " result 3145728 <nil>\n")
}

func TestAChildThatEndsWithinARestartIsReaped(t *testing.T) {
	out := outputOf(t, "ended")
	require.Contains(t, out, " result 7 <nil>\n")
	require.Regexp(t, `\d+ Y{16}y{384}\n`, out)
	require.Regexp(t, `\d+ Yend\n`, out, "the rest of the line")
	require.Contains(t, out, "left: no child processes\n")
}

func TestAChildThatIsKilledWithinARestart(t *testing.T) {
	require.Regexp(t, ` result 0 forker: task yields \(PID \d+\): `+forker.ErrKilled.Error(), outputOf(t, "killedBefore"))
}

func TestAHundredChildrenOutliveARestart(t *testing.T) {
	n := 100
	if raced {
		n = 20
	}
	out := outputOf(t, "many", fmt.Sprint(n))
	require.Contains(t, out, fmt.Sprintf("adopted %d <nil>\n", n))
	require.Contains(t, out, fmt.Sprintf("sum %d\n", n*(n-1)/2))
	require.Contains(t, out, "left: no child processes\n")
}

func TestATaskThatTheNextProgramHasNot(t *testing.T) {
	out := outputOf(t, "vanished", filepath.Join(t.TempDir(), "go"))
	require.Contains(t, out, "adopted 1 forker: this program has no task vanishes any more: PID ")
	require.Contains(t, out, "children 1\n")
	require.Contains(t, out, "children 0\n")
}

func TestAChildWhosePipesAreNotPassedOnIsLost(t *testing.T) {
	out := outputOf(t, "lost")
	require.Regexp(t, `adopted 0 forker: task yields \(PID \d+\) is lost: it cannot be adopted: descriptor \d+ is not the pipe of PID`, out)
	require.Contains(t, out, "left: no child processes\n")
}

func TestWhatIsNoHandoff(t *testing.T) {
	for _, handoff := range []string{"", "{}", `{"pid":1}`, `{"pid":0,"pipes":[{"fd":3},{"fd":3},{"fd":3},{"fd":3}]}`} {
		_, err := forker.OS{}.Adopt(handoff, forker.Command{})
		require.ErrorContains(t, err, "is no handoff of a child")
	}
	_, err := forker.OS{}.Adopt(fmt.Sprintf(`{"pid":%d,"start":"another","pipes":[{},{},{},{}]}`, os.Getpid()), forker.Command{})
	require.ErrorContains(t, err, "is another process than the one that was handed over")
	_, err = new(forker.Group).Adopt("x")
	require.ErrorContains(t, err, "forker: adopt the children of the program before")
}

// Children that have outlived restarts die with their daemon all the same.
func TestAnAdoptedChildDiesWithItsParent(t *testing.T) {
	cmd := roletest.Command("killedLater")
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	var children []int
	lines := bufio.NewScanner(stdout)
	for lines.Scan() && lines.Text() != "ready" {
		if pid, rest, _ := strings.Cut(lines.Text(), " "); rest == "child hangs running" {
			child, err := strconv.Atoi(pid)
			require.NoError(t, err)
			children = append(children, child)
		}
	}
	require.Len(t, children, 3)
	for _, child := range children {
		require.False(t, roletest.Gone(child))
	}
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait()
	roletest.Eventually(t, "the children's end", func() bool {
		for _, child := range children {
			if !roletest.Gone(child) {
				return false
			}
		}
		return true
	})
}
