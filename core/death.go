package core

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/evertick/evertick/lock"
)

// beginLife tells of a process before this one that did not end by itself, and begins
// the state file of this one. The lock is held, and the log open.
func (m *machine) beginLife() {
	d := m.d
	if m.resumed {
		return
	}
	before := d.life.read()
	switch {
	case m.followsDeath() && m.deathTold:
	case m.followsDeath():
		m.noteDeath(before)
		m.deathTold = m.death == ""
	case before != nil && m.inherited == nil:
		d.tellOfDeath(before)
	}
	state := lifeState{
		PID: d.PID(), Host: d.host.Name, Start: d.owner().Start, Started: d.startedAt,
		Boot: d.host.Clock.Boot(), At: d.host.Clock.Wall(), Iteration: d.Iteration(), Log: d.log.Path(),
	}
	switch {
	case m.followsDeath():
		state.Follows = m.inherited.Died
	case before != nil && before.PID == d.PID(): // the program before has written it
		state.Follows = before.Follows
	}
	state.Watcher, state.WatcherStart = d.watcherStart(m.watcher.process)
	state.Cgroup, state.OOMKills = d.oomKills()
	if err := d.life.begin(state); err != nil {
		d.Logf("Warning: the state file %s cannot be written, so the next start cannot tell if this process is killed: %v", d.life.path, err)
	}
}

// followsDeath reports whether the watcher of a dead process has started this one, which
// has nothing else of it.
func (m *machine) followsDeath() bool {
	return m.inherited != nil && m.inherited.Died != 0 && !m.resumed
}

// noteDeath keeps what is to be told of the process that this one follows. Where another
// one has told of it, while this one stood by, there is nothing.
func (m *machine) noteDeath(before *lifeState) {
	h, d := m.inherited, m.d
	toldByOther := d.life.path != "" && (before == nil || before.PID != h.Died)
	if toldByOther && m.state == stateStandby {
		return
	}
	if before == nil || before.PID != h.Died {
		before = &lifeState{PID: h.Died, Log: d.log.Path()}
		m.death = fmt.Sprintf("Died Before: PID %d, which was started at %s, came to its end without a shutdown.\n%s",
			h.Died, h.Started.Format(time.DateTime), d.lastWords(before))
	} else {
		m.death = d.deathText(before)
	}
	if trouble := d.host.Process.Origin.Trouble; trouble != "" {
		m.death += "\n" + trouble
	}
	d.prependLog(before)
}

// withDeath returns what ends a start, after what is still to be told of a death.
func (m *machine) withDeath(message string) string {
	if !m.followsDeath() || m.deathTold {
		return message
	}
	m.deathTold = true
	if m.death == "" { // nothing was begun
		before := m.d.life.read()
		if before != nil && before.PID != m.inherited.Died { // by that one
			return message
		}
		m.noteDeath(before)
		if before != nil && m.lease != nil {
			_ = m.d.life.files.Remove(m.d.life.path)
		}
	}
	return m.death + "\n" + message
}

// tellBehind tells of a death where a process of another machine has the lock by now: it
// cannot know of it.
func (m *machine) tellBehind(err error) {
	var held *lock.HeldError
	if m.followsDeath() && !m.deathTold && errors.As(err, &held) && held.Holder.Host != m.d.host.Name {
		m.d.alert(kindFatal, m.withDeath("Another machine has taken over: "+err.Error()))
	}
}

// logLine is a line of a text log.
var logLine = regexp.MustCompile(`^\[(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)\] (\d+) (.*)`)

// prependLog lets mails show what a dead process has logged last.
func (d *Daemon) prependLog(before *lifeState) {
	if before.Log == "" || d.host.Records == nil {
		return
	}
	text, err := d.host.Records.Tail(before.Log, lastWordsIn)
	if err != nil {
		return
	}
	var messages []recentMessage
	for line := range strings.Lines(string(text)) {
		parts := logLine.FindStringSubmatch(strings.TrimSpace(line))
		if parts == nil {
			continue
		}
		pid, _ := strconv.Atoi(parts[2])
		at, err := time.ParseInLocation(time.DateTime, parts[1], d.host.Clock.Wall().Location())
		if err == nil && pid == before.PID {
			messages = append(messages, recentMessage{at, pid, parts[3]})
		}
	}
	d.recent.prepend(messages)
}
