package ini

import (
	"fmt"
	"slices"
	"strings"
)

// describe returns, for the dump, what counts and where it came from.
func (c *Config) describe() string {
	lines := []string{c.path}
	for _, k := range c.keys {
		value, origin := k.shown()
		lines = append(lines, fmt.Sprintf("%s = %s (%s)", k.declared().label(), value, origin))
	}
	for _, t := range c.tables {
		lines = append(lines, t.shown()...)
	}
	return strings.Join(lines, "\n")
}

// sample returns, for -i, a file with all that is declared. What may be left out
// is a comment.
func (c *Config) sample() string {
	var b strings.Builder
	section := func(name, note string) {
		if name != "" {
			fmt.Fprintf(&b, "\n[%s]%s", name, note)
		}
	}
	key := func(f *form, text string) {
		if f.required {
			fmt.Fprintf(&b, "\n%s = …", f.key)
		} else {
			fmt.Fprintf(&b, "\n# %s = %s", f.key, text)
		}
	}
	for _, name := range c.declaredSections() {
		section(name, "")
		for _, k := range c.keys {
			if f := k.declared(); f.section == name {
				key(f, k.defaultText())
			}
		}
	}
	for _, t := range c.tables {
		section(t.named(anyName), "  # as often as needed")
		for i, f := range t.forms() {
			key(&f, t.defaultText(i))
		}
	}
	if len(c.standard) > 0 {
		section(daemonSection, "  # each as the flag of its name")
		for _, name := range c.standard {
			fmt.Fprintf(&b, "\n# %s =", name)
		}
	}
	return b.String()
}

// declaredSections returns the sections that are declared by name, those without
// one first.
func (c *Config) declaredSections() []string {
	names := []string{""}
	for _, k := range c.keys {
		names = append(names, k.declared().section)
	}
	names = append(names, slices.Concat(c.required, c.allowed)...)
	var once []string
	for _, name := range names {
		if !slices.Contains(once, name) {
			once = append(once, name)
		}
	}
	return once
}
