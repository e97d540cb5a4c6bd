package forker_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/evertick/evertick/forker"
	"github.com/evertick/evertick/forker/internal/roletest"
	"github.com/evertick/evertick/internal/nobody"
)

func TestATaskThatNeedsMoreThanItsMemoryEnds(t *testing.T) {
	w := watched(t, &forker.Group{})
	h, err := allocates.Fork(w.group, 1<<30, forker.Memory(200<<20))
	require.NoError(t, err)
	_, err = h.Wait(roletest.Within(t))
	require.Error(t, err)
	if !raced { // C code may end in many ways
		require.ErrorIs(t, err, forker.ErrMemory)
		require.ErrorContains(t, err, "it needed more than its limit of 209715200 bytes (Memory)")
	}

	h, err = allocates.Fork(w.group, 50<<20, forker.Memory(4<<30))
	require.NoError(t, err)
	n, err := h.Wait(roletest.Within(t))
	require.NoError(t, err)
	require.Equal(t, 50, n)
}

// shares has memory of its own that RLIMIT_DATA does not count.
var shares = forker.NewTask("shares", func(ctx context.Context, _ *forker.Child, bytes int) (none, error) {
	memory, err := unix.Mmap(-1, 0, bytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_ANON)
	roletest.Must(err)
	for i := 0; i < len(memory); i += os.Getpagesize() {
		memory[i] = 1
	}
	<-ctx.Done() // as long as it has that
	return none{}, ctx.Err()
})

// What the kernel's limit does not count is noticed.
func TestATaskThatHasMoreThanItsMemoryEnds(t *testing.T) {
	w := watched(t, &forker.Group{})
	h, err := shares.Fork(w.group, 1<<30, forker.Memory(512<<20))
	require.NoError(t, err)
	_, err = h.Wait(roletest.Within(t))
	require.Error(t, err)
	if !raced { // whose own memory is too much
		require.ErrorIs(t, err, forker.ErrMemory)
		exit, _ := h.Exit()
		require.Equal(t, forker.Exit{Code: 2}, exit)
	}
}

// A child that never reaches Main watches no pipe: the kernel kills it.
func TestAChildThatNeverReachesMainDiesWithItsParent(t *testing.T) {
	cmd := roletest.Command("deaf")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	var pid int
	_, err = fmt.Fscan(out, &pid)
	require.NoError(t, err)
	require.False(t, roletest.Gone(pid))
	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())
	roletest.Eventually(t, "its end", func() bool { return roletest.Gone(pid) })
}

// All children are started on one thread, as long as one of them lives.
func TestTheStarterThreadStays(t *testing.T) {
	w := watched(t, &forker.Group{})
	forkHung(t, w, waits, 1)
	threads := make(map[int]bool)
	for range 20 {
		forker.OnStarterThread(func() { threads[unix.Gettid()] = true })
		h, err := noop.Fork(w.group, none{})
		require.NoError(t, err)
		_, err = h.Wait(roletest.Within(t))
		require.NoError(t, err)
	}
	require.Len(t, threads, 1)
}

// crowded forks where its user may have no more processes.
func crowded([]string) {
	// Go may start no thread either: have more than enough of them.
	var ready, end sync.WaitGroup
	end.Add(1)
	for range 40 {
		ready.Add(1)
		go func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			ready.Done()
			end.Wait()
		}()
	}
	ready.Wait()
	end.Done()
	roletest.Must(syscall.Setrlimit(unix.RLIMIT_NPROC, &syscall.Rlimit{Cur: 1, Max: 1}))
	if os.Geteuid() == 0 { // whom that limit does not bind
		roletest.Must(syscall.Setgroups(nil))
		roletest.Must(syscall.Setgid(nobody.ID))
		roletest.Must(syscall.Setuid(nobody.ID))
	}
	_, err := square.Fork(new(forker.Group), 1)
	fmt.Println(err)
}

func TestAUserWithTooManyProcessesIsExplained(t *testing.T) {
	out, err := roletest.Command("crowded").CombinedOutput()
	require.NoError(t, err, string(out))
	require.Equal(t, "forker: fork task square: start: this user or container has too many processes "+
		"(ulimit -u, pids.max): raise that, or lower Group.Max: resource temporarily unavailable\n", string(out))
}

func init() { roles["crowded"] = crowded }

// A container may have no /proc.
func TestAForkWithoutProc(t *testing.T) {
	self := roletest.Command("forksOnce")
	script := "mount -t tmpfs none /proc && exec \"$0\" \"$@\""
	cmd := exec.Command("unshare", append([]string{"--mount", "sh", "-c", script}, self.Args...)...)
	if exec.Command("unshare", "--mount", "mount", "-t", "tmpfs", "none", "/proc").Run() != nil {
		t.Skip("a file system cannot be mounted here")
	}
	out, err := cmd.Output()
	require.NoError(t, err, string(out))
	require.Equal(t, "9 <nil>\n", string(out))
}
