package core

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/alecthomas/kingpin/v2"
)

// declaredOrigin is the origin of what no flag has changed.
const declaredOrigin = "declared"

// registerStandard adds the standard flags to the command line.
func (d *Daemon) registerStandard(app *kingpin.Application) {
	if d.set.calendar != nil { // which has no interval
		d.set.standard = slices.DeleteFunc(d.set.standard, func(f *standardFlag) bool { return f.name == "every" })
	}
	for _, f := range d.set.standard {
		f.given = &flagText{repeats: f.repeats}
		help := f.help
		if declared := f.declared(&d.set, d.host.Clock.Wall()); declared != "" && declared != "0s" {
			help += " (default " + declared + ")"
		}
		app.Flag(f.name, help).PlaceHolder(f.placeholder).SetValue(f.given)
	}
}

// values returns the values of the standard flags, from wherever they come.
func (d *Daemon) values() (flagValues, error) {
	flags := d.set.standard
	values := flagValues{}
	var errs []error
	for _, f := range flags {
		variable, text := d.Variable(f.name)
		switch {
		case len(f.given.texts) > 0:
			values[f.name] = Value{Text: f.given.String(), Origin: "--" + f.name}
		case text != "":
			values[f.name] = Value{Text: text, Origin: variable}
		}
	}
	names := flagNames(flags)
	for _, p := range d.set.plugins {
		source, ok := p.(ValueSource)
		if !ok {
			continue
		}
		var found map[string]Value
		err := recovered(func() (err error) {
			found, err = source.Values(d, names)
			return err
		})
		if err != nil {
			errs = append(errs, fmt.Errorf("plugin %s: %w", p.Name(), err))
		}
		errs = append(errs, values.add(p.Name(), found, names))
	}
	return values, errors.Join(errs...)
}

// Variable returns the variable of the environment that is named after the
// daemon and a setting, such as POLLER_API_TIMEOUT for api.timeout, and its value;
// empty where there is none.
func (d *Daemon) Variable(setting string) (name, value string) {
	name = variableName(d.name, setting)
	if d.host.LookupEnv != nil {
		value, _ = d.host.LookupEnv(name)
	}
	return name, value
}

// flagValues are the values of standard flags by their names.
type flagValues map[string]Value

// add adds the values that a plugin has, where there are none yet.
func (v flagValues) add(plugin string, found map[string]Value, flags []string) error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(found)) {
		value := found[name]
		if value.Origin == "" {
			value.Origin = "plugin " + plugin
		}
		if _, taken := v[name]; taken {
			continue
		}
		if !slices.Contains(flags, name) {
			errs = append(errs, fmt.Errorf("%s: %s is no flag of this daemon: known ones are %s", value.Origin, name, strings.Join(flags, ", ")))
			continue
		}
		value.of = name
		v[name] = value
	}
	return errors.Join(errs...)
}

// label stands in front of errors: what people wrote, and where.
func (v *Value) label() string {
	if v.of == "" {
		return v.Origin
	}
	return v.Origin + ": " + v.of
}

// setValues lets the values count, over the declared options, and notes where
// each one came from.
func (s *declaration) setValues(values flagValues) error {
	s.origins = map[string]string{}
	var errs []error
	for _, f := range s.standard {
		value, found := values[f.name]
		if !found {
			s.origins[f.name] = declaredOrigin
			continue
		}
		s.origins[f.name] = value.Origin
		if err := f.set(s, value.Text); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", value.label(), err))
		}
	}
	return errors.Join(errs...)
}

// place says where people change what a standard flag stands for: in the program,
// where the daemon has no such flag.
func (s *declaration) place(flag string) string {
	if _, has := s.origins[flag]; has {
		return "with --" + flag
	}
	return "in the program"
}

// origin returns, in parentheses and behind a space, where the value of a
// standard flag came from; nothing where the daemon has no such flag.
func (s *declaration) origin(flag string) string {
	if from := s.origins[flag]; from != "" {
		return " (" + from + ")"
	}
	return ""
}

// variableName returns the name of a variable of the environment, such as
// SITE_CHECK_RESTART_EVERY.
func variableName(daemon, flag string) string {
	return strings.Map(func(r rune) rune {
		if r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return '_'
		}
		return unicode.ToUpper(r)
	}, daemon+"_"+flag)
}
