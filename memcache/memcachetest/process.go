package memcachetest

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// Process is a real memcached. Its methods fail the test where they cannot do
// what they say. One goroutine at a time may use it.
type Process struct {
	t       testing.TB
	path    string
	args    []string
	address string
	server  *exec.Cmd
	guard   *exec.Cmd // kills the server when this process has ended
	guarded io.Closer
}

// Start starts a memcached on a free port of 127.0.0.1, with further arguments
// such as "-m", "64". It is killed at the end of the test, and when the test
// binary dies.
func Start(t testing.TB, args ...string) *Process {
	t.Helper()
	path, err := exec.LookPath("memcached")
	if err != nil {
		t.Fatalf("memcachetest: %v: run tools/memcached, which installs it or says what to install", err)
	}
	p := &Process{t: t, path: path, args: args}
	t.Cleanup(p.Kill)
	const tries = 20
	for range tries {
		p.address = "127.0.0.1:" + strconv.Itoa(freePort(t))
		if p.start() == nil {
			return p
		}
	}
	t.Fatalf("memcachetest: %s does not start: %v", path, p.start())
	return nil
}

// freePort returns a port that nobody listens on. It is below those that the
// system takes for outgoing connections, and kept from other tests of any process
// until the end of this one by a socket of UDP, so that it is still free after a
// restart of the server.
func freePort(t testing.TB) int {
	t.Helper()
	const first, last, tries = 12_000, 32_000, 100
	for range tries {
		port := first + rand.IntN(last-first)
		address := "127.0.0.1:" + strconv.Itoa(port)
		kept, err := net.ListenPacket("udp", address)
		if err != nil {
			continue
		}
		if l, err := net.Listen("tcp", address); err == nil {
			l.Close()
			t.Cleanup(func() { _ = kept.Close() })
			return port
		}
		_ = kept.Close()
	}
	t.Fatal("memcachetest: no free port on 127.0.0.1")
	return 0
}

// start starts the server and waits until it listens.
func (p *Process) start() error {
	host, port, err := net.SplitHostPort(p.address)
	if err != nil {
		return err
	}
	args := append([]string{"-l", host, "-p", port, "-U", "0", "-t", "2"}, p.args...)
	if os.Geteuid() == 0 {
		args = append(args, "-u", "nobody")
	}
	p.server = exec.Command(p.path, args...)
	if err := p.server.Start(); err != nil {
		p.server = nil
		return err
	}
	if err := p.watch(); err != nil {
		p.Kill()
		return err
	}
	limit := time.Now().Add(time.Minute)
	for time.Now().Before(limit) {
		var status syscall.WaitStatus
		if pid, _ := syscall.Wait4(p.server.Process.Pid, &status, syscall.WNOHANG, nil); pid != 0 {
			err = errors.New("it has ended: " + strconv.Itoa(status.ExitStatus()))
			p.server = nil
			p.release()
			return err
		}
		if p.listens() {
			return nil
		}
		time.Sleep(time.Millisecond)
	}
	p.Kill()
	return fmt.Errorf("it does not listen on %s", p.address)
}

// listens reports whether the process that listens on the port is this one, and
// not one that was faster.
func (p *Process) listens() bool {
	pid := fmt.Sprintf("STAT pid %d\r\n", p.server.Process.Pid)
	answer, err := p.ask("stats", pid)
	return err == nil && answer == pid
}

// ask sends a command and reads as much of the answer as is wanted.
func (p *Process) ask(command, want string) (answer string, err error) {
	c, err := net.DialTimeout("tcp", p.address, time.Second)
	if err != nil {
		return "", err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(c, command+"\r\n"); err != nil {
		return "", err
	}
	text := make([]byte, len(want))
	n, err := io.ReadFull(c, text)
	return string(text[:n]), err
}

// watch starts what kills the server when the test binary has died: its standard
// input ends then.
func (p *Process) watch() (err error) {
	p.guard = exec.Command("/bin/sh", "-c", "read line; kill -9 $0", strconv.Itoa(p.server.Process.Pid))
	if p.guarded, err = p.guard.StdinPipe(); err != nil {
		p.guard = nil
		return err
	}
	if err := p.guard.Start(); err != nil {
		p.guard = nil
		return err
	}
	return nil
}

// release ends the guard.
func (p *Process) release() {
	if p.guard == nil {
		return
	}
	_ = p.guard.Process.Kill()
	_ = p.guard.Wait()
	p.guarded.Close()
	p.guard = nil
}

// Address returns host:port.
func (p *Process) Address() string { return p.address }

// Kill ends the server by SIGKILL and waits for its end. Everything that it had
// is gone. It does nothing when the server does not run.
func (p *Process) Kill() {
	if p.server == nil {
		return
	}
	_ = p.server.Process.Kill()
	p.release() // while nobody else can have the server's PID
	_ = p.server.Wait()
	p.server = nil
}

// Restart kills the server, where it runs, and starts it again on the same port.
func (p *Process) Restart() {
	p.t.Helper()
	p.Kill()
	if err := p.start(); err != nil {
		p.t.Fatalf("memcachetest: start memcached again on %s: %v", p.address, err)
	}
}

// Stop stops the server by SIGSTOP, so that it accepts connections and answers
// nothing; Continue lets it go on. All its threads stand still when Stop returns.
func (p *Process) Stop() {
	p.t.Helper()
	p.signal(syscall.SIGSTOP)
	var status syscall.WaitStatus
	_, err := syscall.Wait4(p.server.Process.Pid, &status, syscall.WUNTRACED, nil)
	for errors.Is(err, syscall.EINTR) {
		_, err = syscall.Wait4(p.server.Process.Pid, &status, syscall.WUNTRACED, nil)
	}
	if err != nil || !status.Stopped() {
		p.t.Errorf("memcachetest: memcached did not stop: status %#x, %v", status, err)
	}
}

// Continue lets the server go on after Stop.
func (p *Process) Continue() { p.signal(syscall.SIGCONT) }

func (p *Process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.server.Process.Signal(s); err != nil {
		p.t.Errorf("memcachetest: signal memcached: %v", err)
	}
}

// Flush drops all items.
func (p *Process) Flush() {
	p.t.Helper()
	const done = "OK\r\n"
	if answer, err := p.ask("flush_all", done); err != nil || answer != done {
		p.t.Errorf("memcachetest: flush memcached: %q, %v", answer, err)
	}
}
