package core

import "strings"

// HelpPage is what -H prints, part by part. The parts are separated by empty
// lines; an empty part is left out. Help changes it.
type HelpPage struct {
	Head     string // name and About
	Usage    string
	Switches string // the flags that every daemon has
	Options  string // those of StandardFlags
	Own      string // those of the plugins and of the user, and arguments
	Examples string
	Files    string // where log and lock are
}

// String returns the page.
func (p *HelpPage) String() string {
	var parts []string
	for _, part := range []string{p.Head, p.Usage, p.Switches, p.Options, p.Own, p.Examples, p.Files} {
		if part = strings.Trim(part, "\n"); part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, "\n\n") + "\n"
}
