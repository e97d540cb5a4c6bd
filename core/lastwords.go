package core

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/evertick/evertick/logfile"
)

// lastWordsIn is how much of the end of a log is searched for last words.
const lastWordsIn = 1 << 20

// tellOfDeath alerts that a process has neither stopped nor been taken down by the
// machine, unless it has.
func (d *Daemon) tellOfDeath(before *lifeState) {
	if before.rebooted(d.owner().Start, d.host.Clock.Boot()) || !d.isDead(before.owner()) {
		return
	}
	d.alert(kindFatal, d.deathText(before))
}

func (d *Daemon) deathText(before *lifeState) string {
	return fmt.Sprintf(
		"Died Before: PID %d, which was started at %s, came to its end without a shutdown, in iteration %d or later; it was alive at %s.\n%s",
		before.PID, before.Started.Format(time.DateTime), before.Iteration, before.At.Format(time.DateTime), d.lastWords(before))
}

// lastWords returns what the log says of the end of a process.
func (d *Daemon) lastWords(before *lifeState) string {
	const silent = "It left no word: SIGKILL, as from the kernel when memory is short, is most likely"
	if before.Log == "" || logfile.IsStream(before.Log) {
		return "What it died of is not known: it had no log file"
	}
	text, err := d.host.Records.Tail(before.Log, lastWordsIn)
	if err != nil {
		return fmt.Sprintf("What it died of is not known: %v", err)
	}
	if word := findLastWord(string(text), before.PID); word != "" {
		return fmt.Sprintf("Its last words in %s: %s", before.Log, word)
	}
	if cgroup, kills := d.oomKills(); cgroup != "" && cgroup == before.Cgroup && kills > before.OOMKills {
		return fmt.Sprintf("It left no word: SIGKILL. It ran out of memory, most likely: since its start the kernel has killed %s of its control group %s for that",
			oneOrMore(int(kills-before.OOMKills), "process", "processes"), cgroup)
	}
	return silent
}

// oomKills is host.OOMKills, where there is that.
func (d *Daemon) oomKills() (cgroup string, kills int64) {
	if d.host.OOMKills == nil {
		return "", 0
	}
	return d.host.OOMKills()
}

// crashLine is how the Go runtime begins to tell of a crash.
var crashLine = regexp.MustCompile(`^(panic: |fatal error: |runtime: |unexpected fault address |SIG[A-Z]+: )`)

// findLastWord returns the line that begins what stands behind the last line that a
// process has logged: the runtime's own if it has told of a crash.
func findLastWord(text string, pid int) (word string) {
	asText, asJSON := fmt.Sprintf("] %d ", pid), fmt.Sprintf(`"pid":%d`, pid)
	crashed := false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch logged := strings.HasPrefix(line, "[") || strings.HasPrefix(line, "{"); {
		case logged && (strings.Contains(line, asText) || strings.Contains(line, asJSON)):
			word, crashed = "", false
		case logged || line == "" || crashed:
		case crashLine.MatchString(line):
			word, crashed = line, true
		case word == "":
			word = line
		}
	}
	return word
}
