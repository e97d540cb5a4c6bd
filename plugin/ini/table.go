package ini

import (
	"fmt"
	"reflect"
	"strings"
	"sync/atomic"
)

// Table is the sections of a file that share a form. It is safe for concurrent
// use; Required belongs into the declaration.
type Table[T any] struct {
	prefix   string
	defaults T
	required bool
	columns  []column
	mistake  string
	rows     atomic.Pointer[[]Row[T]]
}

// Row is one section of a Table: [prefix name].
type Row[T any] struct {
	// Name is what stands behind the prefix.
	Name string

	// Value has the section's keys, and the defaults of those that it has not.
	Value T
}

// column is a field of a table's struct.
type column struct {
	form
	index int
}

// Sections declares the sections [prefix NAME], any number of them, with the keys
// that T's fields name: an exported field named Slow is the key slow, one with the
// tag `ini:"time-out"` the key time-out. `ini:"url,required"` must be there and not
// be empty, `ini:",secret"` is not shown, and `ini:"-"` is no key. The fields' types are
// those of Key. A section without a key has the value of defaults.
//
// Where *T has a method Check() error, it is called for each section.
func Sections[T any](prefix string, defaults T) *Table[T] {
	t := &Table[T]{prefix: prefix, defaults: defaults}
	t.rows.Store(&[]Row[T]{})
	kind := reflect.TypeFor[T]()
	if kind.Kind() != reflect.Struct {
		t.mistake = fmt.Sprintf("ini.Sections(%q): %s is no struct", prefix, kind)
		return t
	}
	for i := range kind.NumField() {
		f := kind.Field(i)
		name, rest, _ := strings.Cut(f.Tag.Get("ini"), ",")
		if !f.IsExported() || name == "-" {
			continue
		}
		if name == "" {
			name = strings.ToLower(f.Name)
		}
		if !supported(f.Type) {
			t.mistake = fmt.Sprintf("ini.Sections(%q): the type %s of field %s cannot be read from a file: see ini.Key for those that can", prefix, f.Type, f.Name)
		}
		t.columns = append(t.columns, column{form{
			key: name, required: strings.Contains(rest, "required"), secret: isSecret(name) || strings.Contains(rest, "secret"),
		}, i})
	}
	return t
}

// Required refuses a file without any such section.
func (t *Table[T]) Required() *Table[T] {
	t.required = true
	return t
}

// Rows returns the sections in the order of the file; none before the daemon has
// read it. The slice must not be changed.
func (t *Table[T]) Rows() []Row[T] { return *t.rows.Load() }

func (t *Table[T]) declare(c *Config) { c.tables = append(c.tables, t) }

func (t *Table[T]) declaredMistake() string { return t.mistake }

// row returns the name of the row that a section is.
func (t *Table[T]) row(section string) (name string, ok bool) {
	name, ok = strings.CutPrefix(section, t.prefix+" ")
	name = strings.TrimSpace(name)
	return name, ok && name != ""
}

// anyName stands for a row's name.
const anyName = "NAME"

// named returns the section that is the row with that name.
func (t *Table[T]) named(row string) string { return t.prefix + " " + row }

// take reads the sections that are rows.
func (t *Table[T]) take(d *document) (problems []problem) {
	rows, lines := []Row[T]{}, map[string]int{}
	for _, s := range d.sections {
		name, ok := t.row(s.name)
		if !ok {
			continue
		}
		if first := lines[name]; first > 0 {
			problems = append(problems, problem{s.line, fmt.Sprintf("section [%s] is already in line %d: give it another name", s.name, first)})
			continue
		}
		lines[name] = s.line
		value, wrong := t.read(s)
		problems = append(problems, wrong...)
		rows = append(rows, Row[T]{name, value})
	}
	if t.required && len(rows) == 0 {
		problems = append(problems, problem{0, fmt.Sprintf("there is no section [%s]: add one", t.named(anyName))})
	}
	t.rows.Store(&rows)
	return problems
}

// forms returns the keys of a section.
func (t *Table[T]) forms() []form {
	forms := make([]form, len(t.columns))
	for i, c := range t.columns {
		forms[i] = c.form
	}
	return forms
}

// defaultText returns what a section has that has not that key.
func (t *Table[T]) defaultText(i int) string {
	c := t.columns[i]
	return c.visible(show(reflect.ValueOf(&t.defaults).Elem().Field(c.index)))
}

// shown returns the rows as a dump may show them.
func (t *Table[T]) shown() (lines []string) {
	for _, row := range t.Rows() {
		value := reflect.ValueOf(&row.Value).Elem()
		var parts []string
		for _, c := range t.columns {
			parts = append(parts, c.key+" = "+c.visible(show(value.Field(c.index))))
		}
		lines = append(lines, fmt.Sprintf("[%s] %s", t.named(row.Name), strings.Join(parts, ", ")))
	}
	return lines
}

// read makes a value of a section.
func (t *Table[T]) read(s *section) (value T, problems []problem) {
	value = t.defaults
	fields := reflect.ValueOf(&value).Elem()
	var known []string
	for _, c := range t.columns {
		known = append(known, c.key)
		e := s.entry(c.key)
		if missing := missing(&c.form, s.name, s, e); missing != nil {
			problems = append(problems, *missing)
			continue
		}
		if e == nil {
			continue
		}
		if err := convert(fields.Field(c.index), e.value); err != nil {
			problems = append(problems, problem{e.line, fmt.Sprintf("%s = %q: %v", label(s.name, c.key), c.visible(e.value), err)})
		}
	}
	problems = append(problems, unknown(s, known)...)
	if c, ok := any(&value).(interface{ Check() error }); ok && len(problems) == 0 {
		if err := c.Check(); err != nil {
			problems = append(problems, problem{s.line, fmt.Sprintf("[%s]: %v", s.name, err)})
		}
	}
	return value, problems
}

// tabled is a Table without its type.
type tabled interface {
	declaredMistake() string
	row(section string) (name string, ok bool)
	named(row string) string
	take(d *document) []problem
	forms() []form
	defaultText(i int) string
	shown() []string
}
