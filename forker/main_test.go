package forker_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/evertick/evertick/forker"
	"github.com/evertick/evertick/forker/internal/roletest"
)

func TestMain(m *testing.M) {
	if code := os.Getenv("TEST_NEVER_REACHES_MAIN"); code != "" {
		fmt.Fprintln(os.Stderr, "an unknown flag")
		os.Exit(len(code))
	}
	if os.Getenv("TEST_HANGS_BEFORE_MAIN") != "" {
		time.Sleep(3 * roletest.Patience)
		os.Exit(0)
	}
	if path := os.Getenv("TEST_WAITS_FOR"); path != "" {
		for exists := false; !exists; time.Sleep(time.Millisecond) {
			_, err := os.Stat(path)
			exists = err == nil
		}
	}
	forker.Main()
	roletest.Main(m, roles)
}

var roles = map[string]roletest.Role{
	"nothing": func([]string) {}, "parent": parent, "caller": caller, "deaf": deaf, "environment": func([]string) { fmt.Print(strings.Join(os.Environ(), "\n")) },
}

func init() {
	for _, name := range []string{"first", "second"} {
		forker.AtStart(func(_ context.Context, c *forker.Child) error {
			switch os.Getenv("TEST_AT_START") {
			case "":
				return nil
			case name:
				return errors.New("no " + name)
			case "panic":
				panic("boom")
			}
			c.Logf("%s of %s", name, c.Task())
			return nil
		})
	}
}

type none struct{}

// pair is an argument and a result of more than one field.
type pair struct {
	Name string
	Bin  []byte
}

var (
	noop = forker.NewTask("noop", func(context.Context, *forker.Child, none) (none, error) { return none{}, nil })

	square = forker.NewTask("square", func(_ context.Context, _ *forker.Child, n int) (int, error) {
		return n * n, nil
	})

	echo = forker.NewTask("echo", func(_ context.Context, _ *forker.Child, p pair) (pair, error) { return p, nil })

	fails = forker.NewTask("fails", func(_ context.Context, _ *forker.Child, text string) (none, error) {
		return none{}, errors.New(text)
	})

	panics = forker.NewTask("panics", func(_ context.Context, _ *forker.Child, how string) (none, error) {
		switch how {
		case "elsewhere":
			go func() { panic("boom elsewhere") }()
			roletest.Block()
		case "goexit":
			runtime.Goexit()
		}
		panic(how)
	})

	exits = forker.NewTask("exits", func(_ context.Context, _ *forker.Child, code int) (none, error) {
		fmt.Fprintln(os.Stderr, "last words")
		os.Exit(code)
		return none{}, nil
	})

	// laments prints a text to its standard error and exits with status 3.
	laments = forker.NewTask("laments", func(_ context.Context, _ *forker.Child, text string) (none, error) {
		fmt.Fprintln(os.Stderr, text)
		os.Exit(3)
		return none{}, nil
	})

	// dies gets a signal; 0 lets it hang.
	dies = forker.NewTask("dies", func(_ context.Context, _ *forker.Child, sig syscall.Signal) (none, error) {
		_ = syscall.Kill(os.Getpid(), sig)
		roletest.Block()
		return none{}, nil
	})

	// hangs ignores its context, and says when it is there.
	hangs = forker.NewTask("hangs", func(_ context.Context, c *forker.Child, _ none) (none, error) {
		c.Logf("there")
		roletest.Block()
		return none{}, nil
	})

	// waits ends when it is told to.
	waits = forker.NewTask("waits", func(ctx context.Context, c *forker.Child, _ none) (none, error) {
		c.Logf("there")
		<-ctx.Done()
		return none{}, ctx.Err()
	})

	stubborn = forker.NewTask("stubborn", func(_ context.Context, c *forker.Child, _ none) (none, error) {
		signal.Ignore(syscall.SIGTERM)
		c.Logf("there")
		roletest.Block()
		return none{}, nil
	})

	// prints writes a text some times to its standard output.
	prints = forker.NewTask("prints", func(_ context.Context, _ *forker.Child, p printed) (none, error) {
		for range p.Times {
			fmt.Print(p.Text)
		}
		fmt.Fprint(os.Stderr, p.Stderr)
		return none{}, nil
	})

	// breeds leaves a grandchild behind that holds the pipes, in the child's
	// own process group or in a session of its own, and returns its PID.
	breeds = forker.NewTask("breeds", func(_ context.Context, _ *forker.Child, session bool) (int, error) {
		cmd := exec.Command("sleep", "3600")
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: session}
		err := cmd.Start()
		fmt.Print("left one behind")
		return cmd.Process.Pid, err
	})

	// nurses starts a grandchild, says its PID again and again, and returns
	// when it is told to end: its last lines meet a broken pipe when the daemon
	// has died.
	nurses = forker.NewTask("nurses", func(ctx context.Context, _ *forker.Child, _ none) (none, error) {
		cmd := exec.Command("sleep", "3600")
		roletest.Must(cmd.Start())
		for ctx.Err() == nil {
			fmt.Println(cmd.Process.Pid)
			time.Sleep(5 * time.Millisecond)
		}
		return none{}, nil
	})

	closes = forker.NewTask("closes", func(_ context.Context, _ *forker.Child, fds []int) (none, error) {
		for _, fd := range fds {
			roletest.Must(syscall.Close(fd))
		}
		return none{}, nil
	})

	speaks = forker.NewTask("speaks", func(_ context.Context, c *forker.Child, n int) (none, error) {
		for i := range n {
			c.Logf("line %d of %s", i, c.Task())
		}
		c.Alertf("disk %d%% full", 97)
		return none{}, nil
	})

	// looks returns what a child sees of itself.
	looks = forker.NewTask("looks", func(context.Context, *forker.Child, none) (sight, error) {
		var s sight
		s.Dir, _ = os.Getwd()
		s.Color = os.Getenv("COLOR")
		s.Args = os.Args
		s.Group = syscall.Getpgrp() == os.Getpid()
		s.Environment = strings.Join(os.Environ(), "\n")
		out, err := roletest.Command("environment").Output()
		s.GrandchildEnvironment = string(out)
		raw, _ := syscall.Getpriority(syscall.PRIO_PGRP, 0) // the most urgent thread's
		s.Nice = 20 - raw
		return s, err
	})

	allocates = forker.NewTask("allocates", func(_ context.Context, _ *forker.Child, bytes int) (int, error) {
		var kept [][]byte
		for left := bytes; left > 0; left -= 1 << 20 {
			block := make([]byte, 1<<20)
			for i := 0; i < len(block); i += 4096 {
				block[i] = 1
			}
			kept = append(kept, block)
		}
		return len(kept), nil
	})

	forks = forker.NewTask("forks", func(context.Context, *forker.Child, none) (string, error) {
		_, err := square.Fork(new(forker.Group), 3)
		return fmt.Sprint(err), nil
	})
)

type printed struct {
	Text, Stderr string
	Times        int
}

type sight struct {
	Dir, Color, Environment, GrandchildEnvironment string
	Args                                           []string
	Group                                          bool
	Nice                                           int
}

// deaf is a program with a child that never reaches Main; it says that child's
// PID and waits to be killed.
func deaf([]string) {
	h, err := noop.Fork(new(forker.Group), none{}, forker.Env("TEST_HANGS_BEFORE_MAIN=1"))
	roletest.Must(err)
	fmt.Println(h.PID())
	roletest.Block()
}

// parent is a program with args[0] children, which waits to be killed. Half of
// the children have a grandchild.
func parent(args []string) {
	var n int
	_, err := fmt.Sscan(args[0], &n)
	roletest.Must(err)
	group := &forker.Group{
		OnLine: func(i forker.Info, text string) { fmt.Println(i.PID, text) },
		OnLog:  func(i forker.Info, _ string) { fmt.Println(i.PID) },
	}
	for i := range n {
		task := hangs
		if i%2 == 1 {
			task = nurses
		}
		_, err := task.Fork(group, none{})
		roletest.Must(err)
	}
	time.Sleep(3 * roletest.Patience)
}
