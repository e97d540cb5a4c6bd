package ini

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/evertick/evertick/core"
)

// Config is a daemon's configuration file, and the plugin that reads it: see File.
// It is safe for concurrent use.
type Config struct {
	path     string
	optional bool
	required []string // sections
	allowed  []string // sections that may hold anything
	keys     []keyed
	tables   []tabled

	read sync.Once
	err  error
	text *document
}

var _ core.Plugin = (*Config)(nil)

// File returns the plugin that reads the file at path, which holds what is
// declared. A relative path is from the folder in which the daemon was started.
// The plugin's name is "ini", so a daemon has one such file.
func File(path string, declared ...Declaration) *Config {
	c := &Config{path: path, text: &document{name: path}}
	for _, d := range declared {
		d.declare(c)
	}
	return c
}

// declaration is one without a value.
type declaration func(c *Config)

func (f declaration) declare(c *Config) { f(c) }

// Require refuses a file without these sections. An empty section counts as
// missing. One in which no Key is declared may hold anything: see Config.Text.
func Require(sections ...string) Declaration {
	return declaration(func(c *Config) { c.required = append(c.required, sections...) })
}

// Allow lets these sections be there, and hold anything: see Config.Text.
func Allow(sections ...string) Declaration {
	return declaration(func(c *Config) { c.allowed = append(c.allowed, sections...) })
}

// Optional lets the file be missing: it then counts as empty.
func Optional() Declaration {
	return declaration(func(c *Config) { c.optional = true })
}

// Name returns "ini".
func (c *Config) Name() string { return "ini" }

// Check reads the file, and returns all that is wrong with it.
func (c *Config) Check(_ context.Context, d *core.Daemon) error {
	c.load(d)
	return c.err
}

// Setup does nothing: what Check has read counts.
func (c *Config) Setup(context.Context, *core.Daemon) error { return nil }

// Teardown does nothing.
func (c *Config) Teardown(context.Context, *core.Daemon) error { return nil }

// Text returns the text of a key, as "section.key", whether it is declared or not;
// false where the file does not have it.
func (c *Config) Text(name string) (value string, ok bool) {
	f := named(name)
	e := c.text.section(f.section).entry(f.key)
	if e == nil {
		return "", false
	}
	return e.value, true
}

// Keys returns the keys of a section in the order of the file.
func (c *Config) Keys(section string) (keys []string) {
	if s := c.text.section(section); s != nil {
		for _, e := range s.entries {
			keys = append(keys, e.key)
		}
	}
	return keys
}

// load reads the file, once.
func (c *Config) load(d *core.Daemon) {
	c.read.Do(func() { c.err = errors.Join(c.readFile(d)...) })
}

func (c *Config) readFile(d *core.Daemon) []error {
	if mistakes := c.mistakes(); len(mistakes) > 0 {
		return mistakes
	}
	text, err := read(d.Path(c.path), c.path)
	if errors.Is(err, fs.ErrNotExist) {
		if !c.optional {
			return []error{fmt.Errorf("%s: there is no such file: create it", c.path)}
		}
	} else if err != nil {
		return []error{err}
	}
	doc, problems := parse(c.path, text)
	c.text = doc
	problems = append(problems, c.takeKeys()...)
	for _, t := range c.tables {
		problems = append(problems, t.take(doc)...)
	}
	problems = append(problems, c.undeclared()...)
	problems = append(problems, c.missingSections(text)...)
	return doc.errors(problems)
}

// mistakes returns what is wrong with the declarations.
func (c *Config) mistakes() (errs []error) {
	seen := map[string]bool{}
	for _, k := range c.keys {
		f := k.declared()
		switch {
		case f.mistake != "":
			errs = append(errs, errors.New(f.mistake))
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
		case slices.Contains(c.required, s.name), slices.Contains(c.allowed, s.name), c.isRow(s.name):
		case s.name == "":
			problems = append(problems, unknown(s, nil)...)
		default:
			problems = append(problems, problem{s.line, fmt.Sprintf("section [%s] is not known%s", s.name, c.sectionNear(s.name, declared))})
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
	candidates := slices.Concat(c.required, c.allowed, slices.Sorted(maps.Keys(declared)))
	_, rest, _ := strings.Cut(name, " ")
	for _, t := range c.tables {
		candidates = append(candidates, t.named(rest))
	}
	near := nearest(name, candidates)
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
		if near := nearest(e.key, known); near != "" {
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
