package ini

import (
	"fmt"
	"reflect"
	"strings"
	"sync/atomic"
)

// Declaration is one thing that a file may hold, or must. It is made by Key,
// Sections, Require, Allow and Optional.
type Declaration interface {
	declare(c *Config)
}

// Value is a key of the file, with its type. It is safe for concurrent use; its
// methods Required, Secret and Where belong into the declaration.
type Value[T any] struct {
	form
	fallback T
	check    func(T) error
	now      atomic.Pointer[held[T]]
}

// form is what is declared of a key.
type form struct {
	section, key     string
	required, secret bool
	mistake          string // what is wrong with the declaration
}

// held is a value and where it came from.
type held[T any] struct {
	value  T
	origin string
}

const (
	originDefault = "default"
	originRunTime = "set at run time"
)

// Key declares a key, as "section.key"; the part after the last dot is the key. One
// without a dot stands above the first section. A file without it means fallback.
//
// T is a string, a bool (yes or no), a number, a time.Duration, any type that has
// UnmarshalText, or a slice of those, whose elements have commas between them.
func Key[T any](name string, fallback T) *Value[T] {
	v := &Value[T]{form: named(name), fallback: fallback}
	if t := reflect.TypeFor[T](); !supported(t) {
		v.mistake = fmt.Sprintf("the type %s cannot be read from a file: see ini.Key for those that can", t)
	}
	v.reset()
	return v
}

func named(name string) form {
	f := form{key: name}
	if dot := strings.LastIndexByte(name, '.'); dot >= 0 {
		f.section, f.key = name[:dot], name[dot+1:]
	}
	if f.key == "" {
		f.mistake = fmt.Sprintf("ini.Key(%q) names no key: write section.key", name)
	}
	f.secret = isSecret(f.key)
	return f
}

// Required refuses a file in which the key is missing or empty.
func (v *Value[T]) Required() *Value[T] {
	v.required = true
	return v
}

// Secret keeps the value out of errors and dumps.
func (v *Value[T]) Secret() *Value[T] {
	v.secret = true
	return v
}

// Where adds a check of the value, of the default too unless the key is required.
// Its error says what to write instead.
func (v *Value[T]) Where(check func(T) error) *Value[T] {
	v.check = check
	return v
}

// Get returns the value: what Set was given last, else what the file says, else
// the default. Before the daemon has read its file that is the default.
func (v *Value[T]) Get() T { return v.now.Load().value }

// Set overrides the value until the program ends; the file stays as it is. It
// refuses what Where refuses. What a program is given so, the next one of a
// restart does not know.
func (v *Value[T]) Set(value T) error {
	if v.check != nil {
		if err := v.check(value); err != nil {
			return fmt.Errorf("%s = %q: %w", v.label(), v.visible(show(reflect.ValueOf(value))), err)
		}
	}
	v.now.Store(&held[T]{value, originRunTime})
	return nil
}

// Origin returns where the value came from: "poller.ini:12", the name of a variable
// of the environment, "default" or "set at run time".
func (v *Value[T]) Origin() string { return v.now.Load().origin }

func (v *Value[T]) declare(c *Config) {
	v.reset()
	c.keys = append(c.keys, v)
}

func (v *Value[T]) reset() { v.now.Store(&held[T]{v.fallback, originDefault}) }

func (v *Value[T]) declared() *form { return &v.form }

// take reads the value from a text.
func (v *Value[T]) take(text, origin string) error {
	var value T
	err := convert(reflect.ValueOf(&value).Elem(), text)
	if err == nil && v.check != nil {
		err = v.check(value)
	}
	if err != nil {
		return fmt.Errorf("%s = %q: %w%s", v.label(), v.visible(text), err, v.otherwise())
	}
	v.now.Store(&held[T]{value, origin})
	return nil
}

// checkDefault returns what Where has against the default.
func (v *Value[T]) checkDefault() error {
	if v.required || v.check == nil {
		return nil
	}
	if err := v.check(v.fallback); err != nil {
		return fmt.Errorf("the default of %s: %w", v.label(), err)
	}
	return nil
}

// shown returns the value as a dump may show it, and where it came from.
func (v *Value[T]) shown() (value, origin string) {
	now := v.now.Load()
	return v.visible(show(reflect.ValueOf(&now.value).Elem())), now.origin
}

func (v *Value[T]) defaultText() string {
	return v.visible(show(reflect.ValueOf(&v.fallback).Elem()))
}

// otherwise says, for the end of an error, what is so without the line.
func (v *Value[T]) otherwise() string {
	fallback := v.defaultText()
	if v.required || v.secret || fallback == "" {
		return ""
	}
	return fmt.Sprintf(" (without this line it is %s)", fallback)
}

// setting returns the name that its variable of the environment is made of.
func (f *form) setting() string {
	if f.section == "" {
		return f.key
	}
	return f.section + "." + f.key
}

// label returns what people call the key.
func (f *form) label() string { return label(f.section, f.key) }

func (f *form) visible(text string) string { return visible(text, f.secret) }

// keyed is a Value without its type.
type keyed interface {
	declared() *form
	take(text, origin string) error
	checkDefault() error
	shown() (value, origin string)
	defaultText() string
}
