package ini

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"

	"github.com/alecthomas/kingpin/v2"

	"github.com/evertick/evertick/core"
)

// Config is a daemon's configuration file, and the plugin that reads it: see File.
// It is safe for concurrent use.
type Config struct {
	path     string   // as it was declared, or given with --ini
	optional string   // the path that may be missing
	required []string // sections
	allowed  []string // sections that may hold anything
	keys     []keyed
	tables   []tabled

	standard []string                                  // the daemon's standard flags
	variable func(setting string) (name, value string) // of the environment

	read sync.Once
	err  error
	text *document
}

var (
	_ core.Plugin       = (*Config)(nil)
	_ core.FlagPlugin   = (*Config)(nil)
	_ core.ValueSource  = (*Config)(nil)
	_ core.OptionPlugin = (*Config)(nil)
)

// File returns the plugin that reads the file at path, which holds what is
// declared. A relative path is from the folder in which the daemon was started; the
// flag --ini names another file. The plugin's name is "ini", so a daemon has one
// such file.
func File(path string, declared ...Declaration) *Config {
	c := &Config{path: path, text: &document{name: path}, variable: func(string) (string, string) { return "", "" }}
	for _, d := range declared {
		d.declare(c)
	}
	return c
}

// daemonSection is the section that has values for the standard flags.
const daemonSection = "daemon"

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

// Optional lets the file be missing: it then counts as empty. One that --ini names
// must be there.
func Optional() Declaration {
	return declaration(func(c *Config) { c.optional = c.path })
}

// Name returns "ini".
func (c *Config) Name() string { return "ini" }

// Flags adds --ini FILE.
func (c *Config) Flags(app *kingpin.Application) {
	app.Flag("ini", "Configuration file.").PlaceHolder(c.path).Default(c.path).StringVar(&c.path)
}

// Values returns what the section [daemon] has for the standard flags. What is
// wrong with the file is told by Check.
func (c *Config) Values(d *core.Daemon, flags []string) (map[string]core.Value, error) {
	c.standard = flags
	c.load(d)
	values := map[string]core.Value{}
	if s := c.text.section(daemonSection); s != nil {
		for _, e := range s.entries {
			if slices.Contains(flags, e.key) {
				values[e.key] = core.Value{Text: e.value, Origin: c.text.at(e.line)}
			}
		}
	}
	return values, nil
}

// Options returns the plugin's part of the dump, and its note for -i.
func (c *Config) Options(d *core.Daemon) ([]core.Option, error) {
	return []core.Option{
		core.OnDump("Configuration", func(*core.Daemon) string { return c.describe() }),
		core.InstallNote("Write the configuration file " + d.Path(c.path) + ", readable by the daemon's user. It may hold:" + c.sample()),
	}, nil
}

// Check reads the file, and returns all that is wrong with it.
func (c *Config) Check(_ context.Context, d *core.Daemon) error {
	c.load(d)
	return c.err
}

// Setup does nothing: what Check has read counts.
func (c *Config) Setup(context.Context, *core.Daemon) error { return nil }

// Teardown does nothing.
func (c *Config) Teardown(context.Context, *core.Daemon) error { return nil }

// Text returns the text of a key, as "section.key", whether it is declared or not:
// a variable of the environment, else what the file says; false where there is
// neither.
func (c *Config) Text(name string) (value string, ok bool) {
	f := named(name)
	if _, value := c.variable(name); value != "" {
		return value, true
	}
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
	c.variable, c.text = d.Variable, &document{name: c.path}
	if mistakes := c.mistakes(); len(mistakes) > 0 {
		return mistakes
	}
	text, err := read(d.Path(c.path), c.path)
	if errors.Is(err, fs.ErrNotExist) {
		if c.optional == "" || c.path != c.optional {
			return []error{fmt.Errorf("%s: there is no such file: create it", c.path)}
		}
	} else if err != nil {
		return []error{err}
	}
	doc, problems := parse(c.path, text)
	c.text = doc
	problems = append(problems, c.takeKeys()...)
	errs := c.takeVariables()
	for _, t := range c.tables {
		problems = append(problems, t.take(doc)...)
	}
	problems = append(problems, c.undeclared()...)
	problems = append(problems, c.missingSections(text)...)
	return append(doc.errors(problems), errs...)
}
