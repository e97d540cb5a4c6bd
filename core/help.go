package core

import (
	"fmt"
	"strings"

	"github.com/alecthomas/kingpin/v2"
)

// flagBlocks are the flags of a command line by who has registered them.
type flagBlocks struct{ switches, options, own []*kingpin.FlagModel }

// helpPage returns the page for a command line whose first flags are the
// switches, and then the options.
func (d *Daemon) helpPage(app *kingpin.Application, b flagBlocks) *HelpPage {
	options := ""
	if len(b.options) > 0 {
		options = fmt.Sprintf("OPTIONS, also from the environment (%s, …):\n", variableName(d.name, b.options[0].Name)) + flagTable(b.options)
	}
	p := &HelpPage{
		Head:     d.name,
		Usage:    d.usage(app.Model(), b),
		Switches: heading("SWITCHES:", flagTable(b.switches)),
		Options:  options,
		Own:      heading("FLAGS OF "+strings.ToUpper(d.name)+":", flagTable(b.own)+argTable(app.Model().Args)),
		Examples: heading("EXAMPLES:", columns([][2]string{
			{d.name + " -v", "run in the foreground and show the log"},
			{fmt.Sprintf("%s -d -p %s.pid", d.name, d.name), "run as a daemon; returns when it is ready"},
			{fmt.Sprintf("%s -s restart -p %s.pid", d.name, d.name), "restart it in place"},
			{fmt.Sprintf("%s -s stop -p %s.pid", d.name, d.name), "stop it, and wait for its end"},
		})),
		Files: heading("FILES:", columns(d.filesInHelp())),
	}
	if d.set.about != "" {
		p.Head += " - " + d.set.about
	}
	for _, change := range d.set.help {
		change(p)
	}
	return p
}

func heading(title, text string) string {
	if text == "" {
		return ""
	}
	return title + "\n" + text
}

// usage returns the ways to call the program.
func (d *Daemon) usage(app *kingpin.ApplicationModel, b flagBlocks) string {
	rest := ""
	optional := false
	for _, f := range append(b.options, b.own...) {
		if f.Required {
			rest += fmt.Sprintf(" --%s=%s", f.Name, f.FormatPlaceHolder())
		} else {
			optional = true
		}
	}
	if optional {
		rest += " [FLAGS]"
	}
	if len(app.Args) > 0 {
		rest += " " + app.ArgSummary()
	}
	return fmt.Sprintf("USAGE: %s -H | -i | [-d] [-v] [-p FILE]%s\n       %s -s stop|restart|dump -p FILE", d.name, rest, d.name)
}

func (d *Daemon) filesInHelp() [][2]string {
	log := d.logPath()
	switch {
	case d.set.logHandler != nil:
		log = "a handler"
	case log == "":
		log = "standard output"
	}
	single := "none: several instances can run at once"
	if d.set.lock != nil {
		single = d.set.lock.String()
	}
	return [][2]string{{"log", log}, {"lock", single}}
}

// flagTable returns a line or more for each flag.
func flagTable(flags []*kingpin.FlagModel) string {
	var rows [][2]string
	for _, f := range flags {
		if f.Hidden {
			continue
		}
		name := "    --" + f.Name
		if f.Short != 0 {
			name = fmt.Sprintf("-%c, --%s", f.Short, f.Name)
		}
		help := f.HelpWithEnvar()
		if !f.IsBoolFlag() {
			given, placeholder := f.Default, f.PlaceHolder
			if placeholder == "" {
				placeholder = strings.ToUpper(f.Name)
			}
			name += "=" + placeholder
			if len(given) > 0 && given[0] != "" {
				help = strings.TrimSpace(help + " (default " + strings.Join(given, ", ") + ")")
			}
		}
		if v, ok := f.Value.(interface{ IsCumulative() bool }); ok && v.IsCumulative() {
			name += " …"
		}
		rows = append(rows, [2]string{name, help})
	}
	return columns(rows)
}

func argTable(args []*kingpin.ArgModel) string {
	var rows [][2]string
	for _, a := range args {
		if !a.Hidden {
			rows = append(rows, [2]string{"<" + a.Name + ">", a.HelpWithEnvar()})
		}
	}
	return columns(rows)
}

const (
	helpWidth = 80

	// maxFirstColumn is how wide the first column may be; a longer cell has a line
	// of its own.
	maxFirstColumn = 32
)

// columns returns rows in two columns, the second one wrapped.
func columns(rows [][2]string) string {
	column := 0
	for _, r := range rows {
		if n := len([]rune(r[0])); n <= maxFirstColumn {
			column = max(column, n)
		}
	}
	var b strings.Builder
	indent := strings.Repeat(" ", column+4)
	for _, r := range rows {
		b.WriteString("  " + r[0])
		lines := wrapped(r[1], helpWidth-len(indent))
		if n := len([]rune(r[0])); n <= column {
			b.WriteString(strings.Repeat(" ", column+2-n) + lines[0])
			lines = lines[1:]
		}
		b.WriteString("\n")
		for _, line := range lines {
			b.WriteString(indent + line + "\n")
		}
	}
	return b.String()
}

// wrapped breaks a text into lines of at most width characters, where no word is
// longer.
func wrapped(text string, width int) []string {
	line, length := "", 0
	var lines []string
	for word := range strings.FieldsSeq(text) {
		n := len([]rune(word))
		if length > 0 && length+1+n > width {
			lines, line, length = append(lines, line), "", 0
		}
		if length > 0 {
			line, length = line+" ", length+1
		}
		line, length = line+word, length+n
	}
	return append(lines, line)
}
