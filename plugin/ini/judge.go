package ini

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/evertick/evertick/internal/nearest"
)

// mistakes returns what is wrong with the declarations.
func (c *Config) mistakes() (errs []error) {
	seen := map[string]bool{}
	for _, k := range c.keys {
		f := k.declared()
		switch {
		case f.mistake != "":
			errs = append(errs, errors.New(f.mistake))
		case f.section == daemonSection:
			errs = append(errs, fmt.Errorf("%s: the section [daemon] is for the standard flags: declare the key in another one", f.label()))
		case seen[f.label()]:
			errs = append(errs, fmt.Errorf("%s is declared twice: drop one", f.label()))
		default:
			errs = append(errs, k.checkDefault())
		}
		seen[f.label()] = true
	}
	for _, t := range c.tables {
		if text := t.declaredMistake(); text != "" {
			errs = append(errs, errors.New(text))
		}
	}
	return slices.DeleteFunc(errs, func(err error) bool { return err == nil })
}

func (c *Config) takeKeys() (problems []problem) {
	for _, k := range c.keys {
		f := k.declared()
		s := c.text.section(f.section)
		e := s.entry(f.key)
		if _, value := c.variable(f.setting()); value != "" {
			continue // it counts instead
		}
		if missing := missing(f, f.section, s, e); missing != nil {
			if s != nil || !slices.Contains(c.required, f.section) { // else the section is told
				problems = append(problems, *missing)
			}
			continue
		}
		if e == nil {
			continue
		}
		if err := k.take(e.value, c.text.at(e.line)); err != nil {
			problems = append(problems, problem{e.line, err.Error()})
		}
	}
	return problems
}

// takeVariables reads the keys for which the environment has a variable.
func (c *Config) takeVariables() (errs []error) {
	for _, k := range c.keys {
		if name, value := c.variable(k.declared().setting()); value != "" {
			if err := k.take(value, name); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", name, err))
			}
		}
	}
	return errs
}

// missing returns the problem that a required key of the section with that name,
// which may not be there, is missing or empty.
func missing(f *form, name string, s *section, e *entry) *problem {
	switch {
	case !f.required:
		return nil
	case e != nil && strings.TrimSpace(e.value) == "":
		return &problem{e.line, fmt.Sprintf("%s is empty: write its value behind the =", label(name, f.key))}
	case e != nil:
		return nil
	case name == "":
		return &problem{0, fmt.Sprintf("%s is missing: write %s = … above the first section", f.key, f.key)}
	case s != nil:
		return &problem{s.line, fmt.Sprintf("%s is missing: write %s = … in this section", label(name, f.key), f.key)}
	}
	return &problem{0, fmt.Sprintf("%s is missing: add the section [%s] with %s = …", label(name, f.key), name, f.key)}
}

// undeclared returns the sections and keys that nobody has declared.
func (c *Config) undeclared() (problems []problem) {
	declared := c.declaredKeys()
	for _, s := range c.text.sections {
		keys, ok := declared[s.name]
		switch {
		case ok:
			problems = append(problems, unknown(s, keys)...)
		case s.name == daemonSection:
			problems = append(problems, c.unknownFlags(s)...)
		case slices.Contains(c.required, s.name), slices.Contains(c.allowed, s.name), c.isRow(s.name):
		case s.name == "":
			problems = append(problems, unknown(s, nil)...)
		default:
			problems = append(problems, problem{s.line, fmt.Sprintf("section [%s] is not known%s", s.name, c.sectionNear(s.name, declared))})
		}
	}
	return problems
}

// unknownFlags returns the keys of the section [daemon] that are no flags.
func (c *Config) unknownFlags(s *section) []problem {
	problems := unknown(s, c.standard)
	for i := range problems {
		if len(c.standard) == 0 {
			problems[i].text += ": this daemon has no standard flags"
		}
	}
	return problems
}

// declaredKeys returns the keys by section.
func (c *Config) declaredKeys() map[string][]string {
	declared := map[string][]string{}
	for _, k := range c.keys {
		f := k.declared()
		declared[f.section] = append(declared[f.section], f.key)
	}
	return declared
}

func (c *Config) isRow(section string) bool {
	return slices.ContainsFunc(c.tables, func(t tabled) bool { _, ok := t.row(section); return ok })
}

// sectionNear returns, for the end of a sentence, which section may have been
// meant; empty if none is near.
func (c *Config) sectionNear(name string, declared map[string][]string) string {
	candidates := slices.Concat(c.required, c.allowed, []string{daemonSection}, slices.Sorted(maps.Keys(declared)))
	_, rest, _ := strings.Cut(name, " ")
	for _, t := range c.tables {
		candidates = append(candidates, t.named(rest))
	}
	near := nearest.Of(name, candidates)
	switch {
	case near == "":
		return ""
	case strings.HasSuffix(near, " "):
		near += anyName
	}
	return "; did you mean [" + near + "]?"
}

// unknown returns the keys of a section that are none of those that are known.
func unknown(s *section, known []string) (problems []problem) {
	for _, e := range s.entries {
		if slices.Contains(known, e.key) {
			continue
		}
		text := label(s.name, e.key) + " is not known"
		if s.name == "" && len(known) == 0 {
			text += ": a key belongs below a [section]"
		}
		if near := nearest.Of(e.key, known); near != "" {
			text += "; did you mean " + near + "?"
		}
		problems = append(problems, problem{e.line, text})
	}
	return problems
}

// missingSections returns the required sections that are missing or empty.
func (c *Config) missingSections(text string) (problems []problem) {
	for _, name := range c.required {
		switch s := c.text.section(name); {
		case s == nil && strings.TrimSpace(text) == "":
			problems = append(problems, problem{0, fmt.Sprintf("the file is empty: add the section [%s]", name)})
		case s == nil:
			problems = append(problems, problem{0, fmt.Sprintf("section [%s] is missing: add it", name)})
		case len(s.entries) == 0:
			problems = append(problems, problem{s.line, fmt.Sprintf("section [%s] is empty: write its keys below this line", name)})
		}
	}
	return problems
}
