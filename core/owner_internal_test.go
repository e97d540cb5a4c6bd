package core

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/lock"
)

// The command line among an owner's details has no password, and no more than
// 1 KiB, cut between letters.
func TestCommandLineAmongTheOwnersDetails(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, "/bin/poller"},
		{[]string{"-d", "-p", "x.pid"}, "/bin/poller -d -p x.pid"},
		{[]string{"--lock=etcd://root:s3cret@h:1/x"}, "/bin/poller --lock=etcd://root:***@h:1/x"},
		{[]string{"smtp://me:p@ss:w@h/"}, "/bin/poller smtp://me:***@h/"},
		{[]string{"smtp://me@h/", "http://h/a@b:c"}, "/bin/poller smtp://me@h/ http://h/a@b:c"},
		{[]string{"//u:p@h"}, "/bin/poller //u:p@h"},
		{[]string{strings.Repeat("ä", 600)}, "/bin/poller " + strings.Repeat("ä", 506)},
	} {
		assert.Equal(t, c.want, commandLineOf("/bin/poller", c.args))
	}
}

// A process is dead when there is none of its number, or another one.
func TestDeadOwners(t *testing.T) {
	d := New("x")
	d.host.Name = "here"
	d.host.StartOf = func(pid int) (string, error) {
		switch pid {
		case 1:
			return "boot/7", nil
		case 2:
			return "", nil
		case 3:
			return "", errors.New("no permission")
		}
		return "", fmt.Errorf("process: %w", os.ErrProcessDone)
	}
	for _, c := range []struct {
		who  lock.Owner
		dead bool
	}{
		{lock.Owner{}, false},
		{lock.Owner{PID: 4, Host: "here"}, true},
		{lock.Owner{PID: 4, Host: "there"}, false},
		{lock.Owner{PID: 1, Host: "here", Start: "boot/7"}, false},
		{lock.Owner{PID: 1, Host: "here", Start: "boot/6"}, true},
		{lock.Owner{PID: 1, Host: "here"}, false},
		{lock.Owner{PID: 2, Host: "here", Start: "boot/6"}, false},
		{lock.Owner{PID: 3, Host: "here", Start: "boot/6"}, false},
	} {
		assert.Equal(t, c.dead, d.isDead(c.who), "%+v", c.who)
		ttl, dead := d.holder(&lock.HeldError{Holder: c.who, TTL: time.Second})
		assert.Equal(t, time.Second, ttl)
		assert.Equal(t, c.dead, dead != lock.Owner{})
		_, dead = d.holder(&lock.HeldError{Holder: c.who})
		assert.Zero(t, dead, "what does not end by time is not waited out")
	}
	d.host.StartOf = nil
	assert.False(t, d.isDead(lock.Owner{PID: 4, Host: "here"}))
}

// The lock's own Wait is waited for no longer than a dead process's lease is.
func TestTheLongestWait(t *testing.T) {
	d := New("x")
	d.host.Clock = clockwork.Real()
	m := &machine{d: d, won: &attempt{ttl: 4 * time.Second, dead: lock.Owner{PID: 4}}}
	m.standby.until = d.host.Clock.Boot() + 3*time.Second
	assert.LessOrEqual(t, m.longestWait(), 3*time.Second)
	d.set.standby = true
	assert.Equal(t, time.Minute, m.longestWait(), "a standby waits as long as it takes")
	m.won = &attempt{ttl: time.Hour}
	assert.Equal(t, 2*time.Hour, m.longestWait())
}
