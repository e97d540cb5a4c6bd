//go:build linux

package main

import (
	"os"
	"strings"
	"syscall"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// The faults that TestChaos draws from.

// fillerSize is more than any other file of a life reaches: as the limit for the
// size of a daemon's files, it hinders the log alone, which is filled up to it.
const fillerSize = 1 << 20

// fault lets one thing happen.
func (c *chaos) fault() {
	c.Helper()
	running := c.running()
	if len(running) == 0 || len(running) < 4 && c.rand.IntN(6) == 0 {
		c.repair() // nobody installs a program that is known to be broken
		c.join(c.rand.IntN(2) == 0)
		return
	}
	d := running[c.rand.IntN(len(running))]
	switch c.rand.IntN(12) {
	case 0, 1, 2:
		c.send(d, syscall.SIGHUP)
	case 3:
		if !d.sent[syscall.SIGTERM] { // a second one would be there to force it
			c.send(d, syscall.SIGTERM)
		}
	case 4:
		c.send(d, syscall.SIGKILL)
	case 5, 6:
		if d.stopped = !d.stopped; d.stopped {
			c.send(d, syscall.SIGSTOP)
		} else {
			c.resume(d)
		}
	case 7:
		c.send(d, syscall.SIGUSR1)
	case 8:
		c.remove("log")
	case 9:
		c.fillDisk(d)
	case 10:
		if c.deletes {
			c.remove("lock")
		} else {
			c.send(d, syscall.SIGHUP)
		}
	case 11:
		if c.broken {
			c.repair()
		} else {
			c.breakBinary()
		}
	}
}

// send signals a daemon, unless it has just ended, or would die of the signal
// because it has just started.
func (c *chaos) send(d *contender, sig syscall.Signal) {
	c.Helper()
	if (sig == syscall.SIGHUP || sig == syscall.SIGUSR1) && !c.listens(d) {
		return
	}
	c.note("%v to %d", sig, d.pid)
	d.sent[sig] = true
	if err := d.cmd.Process.Signal(sig); err != nil {
		require.ErrorIs(c, err, os.ErrProcessDone)
	}
}

// listens tells whether a daemon has shown that it receives signals, by a beat or
// by the word that it stands by.
func (c *chaos) listens(d *contender) bool {
	return c.read(d.out) != "" || len(c.startsOf(d)) > 0
}

func (c *chaos) resume(d *contender) {
	c.Helper()
	d.stopped = false
	c.send(d, syscall.SIGCONT)
}

func (c *chaos) remove(name string) {
	c.Helper()
	c.note("rm %s", name)
	if err := os.Remove(c.path(name)); err != nil {
		require.ErrorIs(c, err, os.ErrNotExist)
	}
}

// fillDisk keeps a daemon, and whatever it executes later, from writing to the
// log.
func (c *chaos) fillDisk(d *contender) {
	c.Helper()
	c.note("disk full for %d", d.pid)
	f, err := os.OpenFile(c.path("log"), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	require.NoError(c, err)
	_, err = f.WriteString(strings.Repeat(strings.Repeat("=", 1023)+"\n", fillerSize/1024))
	require.NoError(c, err)
	require.NoError(c, f.Close())
	c.limit(d, fillerSize)
}

func (c *chaos) limit(d *contender, size uint64) {
	c.Helper()
	err := unix.Prlimit(d.pid, unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: size, Max: unix.RLIM_INFINITY}, nil)
	if err != nil {
		require.ErrorIs(c, err, unix.ESRCH)
	}
}

func (c *chaos) breakBinary() {
	c.Helper()
	c.broken = true
	switch kind := c.rand.IntN(4); kind {
	case 0:
		c.note("binary gone")
		require.NoError(c, os.Remove(c.bin))
	case 1:
		c.note("binary no program")
		c.write("drill.new", "\x7fELF and no more", 0o755)
		c.move("drill.new", "drill")
	case 2:
		c.note("binary not executable")
		c.write("drill.new", "no program", 0o644)
		c.move("drill.new", "drill")
	default:
		c.note("binary crashes")
		c.script("echo no database >&2; exit 1")
	}
}

func (c *chaos) repair() {
	c.Helper()
	if c.broken {
		c.note("binary repaired")
		c.broken = false
		c.link("watched")
	}
}
