package core

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/evertick/evertick/core/host"
)

// printInstructions prints, as one page, what is to be installed and set up: the
// notes of the user and of the plugins, then the daemon's own. args are the
// command line.
func (d *Daemon) printInstructions(args []string) int {
	w := d.host.Stdout
	fmt.Fprintf(w, "To install %s:\n", d.name)
	for i, note := range d.instructions(args) {
		fmt.Fprintf(w, "%3d. %s\n", i+1, strings.ReplaceAll(note, "\n", "\n       "))
	}
	if d.refused != nil {
		return d.refuse(d.refused.Error())
	}
	return 0
}

func (d *Daemon) instructions(args []string) []string {
	notes := slices.Clone(d.set.install)
	if path := d.logPath(); path != "" {
		notes = append(notes, "The log goes to "+path+". "+d.folderNote(path))
	}
	if path := d.set.lockPath; path != "" {
		notes = append(notes, "The lock is "+d.Path(path)+". "+d.folderNote(d.Path(path)))
	} else if d.set.lock != nil {
		notes = append(notes, "The lock "+d.set.lock.String()+" must be usable by the daemon's user.")
	}
	if d.set.alerts != nil {
		notes = append(notes, "Alerts go to "+strings.Join(d.set.recipients, ", ")+" through "+d.set.alerts.String()+".")
	}
	return append(notes, d.startNotes(args)...)
}

// folderNote says what the folder of a file needs. A folder that has the daemon's
// name is the daemon's own; the owner of another one is not to be changed.
func (d *Daemon) folderNote(path string) string {
	folder := filepath.Dir(path)
	if filepath.Base(folder) != d.name {
		return "The daemon's user must be able to write to " + folder + "."
	}
	user, _, _ := strings.Cut(d.host.User(), " ")
	return "Make its folder:\ninstall -d -o " + shellQuote(user) + " " + shellQuote(folder)
}

// startNotes says how the daemon is started and stopped, with the flags of the
// command line.
func (d *Daemon) startNotes(args []string) []string {
	var words []string
	for _, word := range append([]string{d.host.Process.Executable}, args...) {
		if !slices.Contains([]string{"-i", "--instructions", "-d", "--detach"}, word) {
			words = append(words, shellQuote(word))
		}
	}
	pidFile := d.Path(d.cmd.pidFile)
	foreground := strings.Join(words, " ")
	if pidFile == "" {
		pidFile = host.RuntimePath(d.name + ".pid")
		words = append(words, "-p", shellQuote(pidFile))
	}
	return []string{
		"Start it by a supervisor, in the foreground, in the folder " + d.host.Process.Origin.Dir + ":\n" + foreground,
		"Or start it by cron:\n" + d.crontab(strings.Join(words, " ")+" -d"),
		"Stop it:\n" + shellQuote(d.host.Process.Executable) + " -s stop -p " + shellQuote(pidFile),
	}
}

// crontab returns the line of a crontab(5) that starts the daemon. Where a second
// start finds the lock held, it is tried each minute, so that a daemon that has
// ended is started again; cron would mail what such a start prints.
func (d *Daemon) crontab(command string) string {
	line := "cd " + shellQuote(d.host.Process.Origin.Dir) + " && " + command
	if strings.ContainsAny(line, "\n\r") {
		return "(not possible: a crontab has one line for a command, and a name has a line break in it)"
	}
	when := "@reboot"
	if d.set.lock != nil && !d.set.standby && d.set.lock.String() != "null:" {
		when, line = "* * * * *", line+" >/dev/null"
	}
	return when + " " + strings.ReplaceAll(line, "%", `\%`)
}

// shellQuote returns a word as sh(1) reads it.
func shellQuote(word string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:=,@%+", r)
	}
	if word != "" && !strings.ContainsFunc(word, func(r rune) bool { return !plain(r) }) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
