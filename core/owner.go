package core

import (
	"errors"
	"os"
	"strings"
	"time"

	"github.com/evertick/evertick/lock"
)

// maxCommand is how long a command line is among an owner's details, in bytes.
const maxCommand = 1 << 10

// owner returns who asks for the lock.
func (d *Daemon) owner() lock.Owner {
	who := lock.Owner{
		Name: d.name, PID: d.PID(), Host: d.host.Name, Since: d.host.Clock.Wall(),
		Command: commandLineOf(d.host.Process.Executable, d.host.Args),
	}
	if d.host.StartOf != nil {
		who.Start, _ = d.host.StartOf(who.PID)
	}
	return who
}

// holder returns how long the lease of a held lock lives on at most, as err says;
// and whose it is, where that was a process of this machine that no longer lives
// and whose lease ends by time. Else it returns the zero value.
func (d *Daemon) holder(err error) (ttl time.Duration, dead lock.Owner) {
	var held *lock.HeldError
	if !errors.As(err, &held) {
		return 0, lock.Owner{}
	}
	if held.TTL > 0 && d.isDead(held.Holder) {
		return held.TTL, held.Holder
	}
	return held.TTL, lock.Owner{}
}

// isDead reports whether an owner was a process of this machine that has ended;
// another one may have its number by now.
func (d *Daemon) isDead(who lock.Owner) bool {
	if who.PID <= 0 || who.Host != d.host.Name || d.host.StartOf == nil {
		return false
	}
	start, err := d.host.StartOf(who.PID)
	replaced := start != "" && who.Start != "" && start != who.Start
	return errors.Is(err, os.ErrProcessDone) || err == nil && replaced
}

// commandLineOf returns a command line as people read it, without the passwords
// of URLs in it.
func commandLineOf(executable string, args []string) string {
	words := []string{executable}
	for _, arg := range args {
		words = append(words, withoutPassword(arg))
	}
	line := strings.Join(words, " ")
	return strings.ToValidUTF8(line[:min(len(line), maxCommand)], "")
}

// withoutPassword returns an argument whose URL, if it has one, names its user
// only.
func withoutPassword(arg string) string {
	scheme, rest, _ := strings.Cut(arg, "://")
	authority, _, _ := strings.Cut(rest, "/")
	at := strings.LastIndexByte(authority, '@')
	if at < 0 {
		return arg
	}
	user, _, found := strings.Cut(authority[:at], ":")
	if !found {
		return arg
	}
	return scheme + "://" + user + ":***" + rest[at:]
}
