package ini

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"gopkg.in/ini.v1"
)

// document is what a file says.
type document struct {
	name     string // as people call it
	sections []*section
}

type section struct {
	name    string // empty above the first [name]
	line    int
	entries []entry
}

type entry struct {
	key, value string
	line       int
}

// section returns a section by its name; nil if the file has none.
func (d *document) section(name string) *section {
	for _, s := range d.sections {
		if s.name == name {
			return s
		}
	}
	return nil
}

// entry returns a key by its name; nil if the section is nil or has none.
func (s *section) entry(key string) *entry {
	if s == nil {
		return nil
	}
	for i := range s.entries {
		if s.entries[i].key == key {
			return &s.entries[i]
		}
	}
	return nil
}

// problem is one thing that is wrong, and where.
type problem struct {
	line int // 0: with the file as a whole
	text string
}

// at returns where a line is, as editors and compilers write it.
func (d *document) at(line int) string {
	if line == 0 {
		return d.name
	}
	return fmt.Sprintf("%s:%d", d.name, line)
}

// errors returns the problems in the order of their lines.
func (d *document) errors(problems []problem) []error {
	slices.SortStableFunc(problems, func(a, b problem) int { return place(a.line) - place(b.line) })
	errs := make([]error, len(problems))
	for i, p := range problems {
		errs[i] = errors.New(d.at(p.line) + ": " + p.text)
	}
	return errs
}

// place puts what is wrong with the file as a whole after its lines.
func place(line int) int {
	if line == 0 {
		return maxSize
	}
	return line
}

const byteOrderMark = "\uFEFF"

// parse reads a file's text. It goes on after an error, so that all of them can
// be told together.
func parse(name, text string) (*document, []problem) {
	d := &document{name: name}
	now := &section{}
	d.sections = append(d.sections, now)
	var problems []problem
	n := 0
	for line := range strings.Lines(strings.TrimPrefix(text, byteOrderMark)) {
		n++
		part, err := parseLine(line)
		switch {
		case err != nil:
			problems = append(problems, problem{n, err.Error()})
		case part.isSection:
			if first := d.section(part.section); first != nil {
				problems = append(problems, problem{n, fmt.Sprintf("section [%s] is already in line %d: move its keys there", part.section, first.line)})
				now = first
				continue
			}
			now = &section{name: part.section, line: n}
			d.sections = append(d.sections, now)
		case part.isKey:
			if first := now.entry(part.key); first != nil {
				problems = append(problems, problem{n, fmt.Sprintf("%s is already in line %d: keep one of the two lines", label(now.name, part.key), first.line)})
				continue
			}
			now.entries = append(now.entries, entry{part.key, part.value, n})
		}
	}
	return d, problems
}

// label returns what people call a key.
func label(section, key string) string {
	if section == "" {
		return key
	}
	return "[" + section + "] " + key
}

// part is what one line is: a section, a key, or neither.
type part struct {
	isSection, isKey    bool
	section, key, value string
}

// grammar makes a value end with its line: a path may end in a backslash.
var grammar = ini.LoadOptions{KeyValueDelimiters: "=", IgnoreContinuation: true, SpaceBeforeInlineComment: true}

// parseLine has the library read a line by itself. The library does not tell
// which line of a file a key is in, and ends at the first error; a line is what
// both can be had for.
func parseLine(line string) (part, error) {
	if err := readable(line); err != nil {
		return part{}, err
	}
	f, err := ini.LoadSources(grammar, []byte(line))
	if err != nil {
		return part{}, explain(err)
	}
	sections := f.Sections()
	last := sections[len(sections)-1]
	trimmed := strings.TrimSpace(line)
	if strings.HasPrefix(trimmed, "[") {
		return sectionPart(last.Name(), trimmed)
	}
	keys := last.Keys()
	if len(keys) == 0 {
		return part{}, nil
	}
	value := keys[0].Value()
	if err := checkQuotes(trimmed, value); err != nil {
		return part{}, err
	}
	return part{isKey: true, key: keys[0].Name(), value: value}, nil
}

// checkQuotes refuses a line where the library takes quotes for a part of the
// value or of the key, or leaves something out.
func checkQuotes(line, value string) error {
	if strings.ContainsAny(line[:1], "\"`") {
		return errors.New("a key has no quotes: write key = value")
	}
	_, written, _ := strings.Cut(line, "=")
	written = strings.TrimSpace(written)
	switch {
	case strings.HasPrefix(written, "`"):
		after := strings.TrimSpace(written[len(value)+2:])
		if strings.Contains(value, "`") || after != "" && !strings.ContainsAny(after[:1], "#;") {
			return errors.New("there is something after the second ` of the value: remove it, or put quotes of another kind around the value")
		}
	case strings.HasPrefix(written, `"""`), strings.HasPrefix(value, `"`), strings.HasPrefix(value, "'"):
		return errors.New("the value begins with a quote, and does not end with it or has such quotes, #, or ; in it: put ` around the value")
	}
	return nil
}

func sectionPart(name, line string) (part, error) {
	after := strings.TrimSpace(line[strings.LastIndexByte(line, ']')+1:])
	name = strings.TrimSpace(name)
	switch {
	case name == "":
		return part{}, errors.New("the section has no name: write [name]")
	case strings.ContainsAny(name, "[]"):
		return part{}, errors.New("a section's name has no brackets: write [name]")
	case after != "" && !strings.ContainsAny(after[:1], "#;"):
		return part{}, errors.New("there is something after the section's name: give it a line of its own")
	}
	return part{isSection: true, section: name}, nil
}

// readable refuses what an editor does not show. It says nothing of the line's
// text, which may be a password.
func readable(line string) error {
	if !utf8.ValidString(line) {
		return errors.New("this line is not UTF-8: save the file as UTF-8")
	}
	for _, r := range strings.TrimRight(line, "\r\n") {
		if r != '\t' && (unicode.IsControl(r) || string(r) == byteOrderMark) {
			return fmt.Errorf("this line has the control character %U: remove it", r)
		}
	}
	return nil
}

// explain says in other words what the library says, which would show the line.
func explain(err error) error {
	switch text := err.Error(); {
	case ini.IsErrDelimiterNotFound(err):
		return errors.New("this line has no =: write key = value, or # in front of a comment")
	case ini.IsErrEmptyKeyName(err), strings.HasPrefix(text, "error creating new key"):
		return errors.New("there is no key in front of the =: write key = value")
	case strings.HasPrefix(text, "unclosed section"):
		return errors.New("the section's name is not closed: write [name]")
	case strings.Contains(text, "empty section name"):
		return errors.New("the section has no name: write [name]")
	case strings.HasPrefix(text, "missing closing key quote"):
		return errors.New("a quote is not closed: a value ends on its line")
	default:
		return errors.New("this line cannot be read: write key = value")
	}
}
