package core

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/evertick/evertick/core/host"
)

// process is what this process is, and what it was handed. It is not written
// after the command line is parsed.
type process struct {
	host      host.Host
	cmd       commandLine
	inherited *handover     // from the program before; nil for the first one
	startedAt time.Time     // the process, by the wall clock
	begunAt   time.Duration // this program, by the Boot clock
}

// commandLine is what the inherited flags say.
type commandLine struct {
	done         bool // help or version was printed
	instructions bool // -i
	detach       bool // -d
	init         bool // --init
	check        bool // --check
	testAlert    bool // --test-alert
	verbose      bool // -v
	pidFile      string
	hasPIDFile   bool   // -p was given
	send         string // -s
}

// verbs are what -s sends.
var verbs = []string{"stop", "restart", "dump"}

// needsNone reports whether err says that a flag or argument of the user's own is
// missing where none is needed: with -i and -s. It is the last thing that
// kingpin looks at, so all that is given has been read by then.
func (c *commandLine) needsNone(err error) bool {
	return (c.instructions || c.send != "") && strings.HasPrefix(err.Error(), "required ")
}

// check refuses inherited flags that contradict each other.
func (c *commandLine) contradictions() error {
	if c.hasPIDFile && c.pidFile == "" {
		return errors.New("-p: the path of the PID file is empty: name a file, or leave -p out")
	}
	if c.send != "" {
		switch {
		case !slices.Contains(verbs, c.send):
			return fmt.Errorf("-s %s: give one of %s", c.send, strings.Join(verbs, ", "))
		case c.pidFile == "":
			return fmt.Errorf("-s %s needs -p FILE, the PID file of the running daemon", c.send)
		case c.detach:
			return fmt.Errorf("-s %s and -d contradict each other: the one speaks to a running daemon, the other starts one", c.send)
		}
	}
	if c.init && c.detach {
		return errors.New("--init and -d contradict each other: a container ends with its PID 1, which -d lets end at once")
	}
	if c.testAlert && (c.instructions || c.send != "" || c.check) {
		return errors.New("--test-alert sends one alert and exits: it cannot be combined with -i, -s or --check")
	}
	if c.check && (c.instructions || c.send != "") {
		return errors.New("--check checks and exits: it cannot be combined with -i or -s")
	}
	if c.instructions && (c.detach || c.send != "") {
		return errors.New("-i prints instructions and exits: it cannot be combined with -d or -s")
	}
	return nil
}
