//go:build linux

package main

import (
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// The faults that TestChaos plays.

// fillerSize is more than any other file of a life reaches: as the limit for the
// size of a daemon's files, it hinders the log alone, which is filled up to it.
const fillerSize = 1 << 20

// faults are what each life meets, each so many times, in an order of the seed.
// apply reports whether there was somebody, or something, to meet it.
var faults = []struct {
	name  string
	times int
	apply func(c *chaos, d *contender) bool
}{
	{"SIGHUP", 3, func(c *chaos, d *contender) bool { return c.send(d, syscall.SIGHUP) }},
	{"SIGTERM", 1, func(c *chaos, d *contender) bool {
		return !d.sent[syscall.SIGTERM] && c.send(d, syscall.SIGTERM) // a second one would be there to force it
	}},
	{"SIGKILL", 1, func(c *chaos, d *contender) bool { return c.send(d, syscall.SIGKILL) }},
	{"SIGSTOP", 1, func(c *chaos, d *contender) bool {
		stopped := !d.stopped && c.send(d, syscall.SIGSTOP)
		d.stopped = d.stopped || stopped
		return stopped
	}},
	{"SIGCONT", 1, func(c *chaos, d *contender) bool {
		stopped := slices.ContainsFunc(c.running(), func(d *contender) bool { return d.stopped })
		return (d.stopped || c.met["SIGSTOP"] > 0 && !stopped) && c.resume(d) // who was stopped may have been killed
	}},
	{"SIGUSR1", 1, func(c *chaos, d *contender) bool { return c.send(d, syscall.SIGUSR1) }},
	{"rm log", 1, func(c *chaos, _ *contender) bool { return c.remove("log") }},
	{"full disk", 1, (*chaos).fillDisk},
	{"broken binary", 1, func(c *chaos, _ *contender) bool { return c.breakBinary() }},
	{"rm lock", 0, func(c *chaos, _ *contender) bool { return c.remove("lock") }}, // only where a life says so
}

// faults lets each fault happen. One that had nobody to meet is left for later; more
// daemons join meanwhile.
func (c *chaos) faults() {
	c.Helper()
	var left []int
	for n, f := range faults {
		left = append(left, slices.Repeat([]int{n}, f.times)...)
	}
	if c.deletes {
		left = append(left, len(faults)-1)
	}
	c.rand.Shuffle(len(left), func(i, j int) { left[i], left[j] = left[j], left[i] })
	for end := time.Now().Add(6 * patience); len(left) > 0; {
		require.True(c, time.Now().Before(end), "faults have met nobody: %v", left)
		time.Sleep(time.Duration(c.rand.Int64N(int64(100 * time.Millisecond))))
		running := c.running()
		if len(running) == 0 || len(running) < 4 && c.rand.IntN(6) == 0 {
			c.repair() // nobody installs a program that is known to be broken
			c.join(c.rand.IntN(2) == 0)
			continue
		}
		if c.rand.IntN(8) == 0 {
			c.repair()
		}
		f := faults[left[0]]
		if f.apply(c, running[c.rand.IntN(len(running))]) {
			c.met[f.name]++
			left = left[1:]
		} else {
			left = append(left[1:], left[0])
		}
	}
}

// send signals a daemon, unless it has just ended, or would die of the signal
// because it has just started. It reports whether there was a process to signal.
func (c *chaos) send(d *contender, sig syscall.Signal) bool {
	c.Helper()
	if (sig == syscall.SIGHUP || sig == syscall.SIGUSR1) && !c.listens(d) {
		return false
	}
	c.note("%v to %d", sig, d.pid)
	d.sent[sig] = true
	err := d.cmd.Process.Signal(sig)
	if err != nil {
		require.ErrorIs(c, err, os.ErrProcessDone)
	}
	return err == nil
}

// listens tells whether a daemon has shown that it receives signals, by a beat or
// by the word that it stands by.
func (c *chaos) listens(d *contender) bool {
	return c.read(d.out) != "" || len(c.startsOf(d)) > 0
}

func (c *chaos) resume(d *contender) bool {
	c.Helper()
	d.stopped = false
	return c.send(d, syscall.SIGCONT)
}

func (c *chaos) remove(name string) bool {
	c.Helper()
	c.note("rm %s", name)
	err := os.Remove(c.path(name))
	if err != nil {
		require.ErrorIs(c, err, os.ErrNotExist)
	}
	return err == nil
}

// fillDisk keeps a daemon, and whatever it executes later, from writing to the
// log.
func (c *chaos) fillDisk(d *contender) bool {
	c.Helper()
	c.note("disk full for %d", d.pid)
	f, err := os.OpenFile(c.path("log"), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	require.NoError(c, err)
	_, err = f.WriteString(strings.Repeat(strings.Repeat("=", 1023)+"\n", fillerSize/1024))
	require.NoError(c, err)
	require.NoError(c, f.Close())
	return c.limit(d, fillerSize)
}

func (c *chaos) limit(d *contender, size uint64) bool {
	c.Helper()
	err := unix.Prlimit(d.pid, unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: size, Max: unix.RLIM_INFINITY}, nil)
	if err != nil {
		require.ErrorIs(c, err, unix.ESRCH)
	}
	return err == nil
}

// breakBinary reports whether it was whole before.
func (c *chaos) breakBinary() bool {
	c.Helper()
	if c.broken {
		return false
	}
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
	return true
}

func (c *chaos) repair() {
	c.Helper()
	if c.broken {
		c.note("binary repaired")
		c.broken = false
		c.link("watched")
	}
}
