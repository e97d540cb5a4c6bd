package ini

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"gopkg.in/ini.v1"
)

// told returns problems as they are printed.
func told(d *document, problems []problem) []string {
	var all []string
	for _, err := range d.errors(problems) {
		all = append(all, err.Error())
	}
	return all
}

func TestParseReadsWhatPeopleWrite(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", "[]"},
		{"[api]\nurl = https://x/#top\n", "[api]url=https://x/#top"},
		{"[api]\r\nurl=x\r\n[ db ]\r\nhost = y\r\n", "[api]url=x [db]host=y"},
		{"\uFEFF[api]\nurl = x", "[api]url=x"},
		{"; c\n# c\n\n  [api]  # c\n\turl = x ; c\n", "[api]url=x"},
		{"a = 1\n[api]\n", "[]a=1 [api]"},
		{`a = C:\dir\` + "\nb = 50%\nc = %(a)s\n", `[]a=C:\dir\ []b=50% []c=%(a)s`},
		{`a = "x  y "` + "\nb = 'it' ; c\nc = ` q\" # ; ` # c\nd =\"\"\n", `[]a=x  y  []b=it []c= q" # ;  []d=`},
		{"a =\nb = x = y\n", "[]a= []b=x = y"},
		{"[DEFAULT]\na = 1\n[site shop.example.com]\nb=2", "[DEFAULT]a=1 [site shop.example.com]b=2"},
	} {
		d, problems := parse("x.ini", c.text)
		assert.Empty(t, told(d, problems), "%q", c.text)
		var have []string
		for _, s := range d.sections {
			for _, e := range s.entries {
				have = append(have, fmt.Sprintf("[%s]%s=%s", s.name, e.key, e.value))
			}
			if len(s.entries) == 0 && (s.name != "" || len(d.sections) == 1) {
				have = append(have, "["+s.name+"]")
			}
		}
		assert.Equal(t, c.want, strings.Join(have, " "), "%q", c.text)
	}
}

func begins(line int) string {
	return fmt.Sprintf("x.ini:%d: the value begins with a quote, and does not end with it or has such quotes, #, or ; in it: put ` around the value", line)
}

func TestParseTellsEveryLineThatIsWrong(t *testing.T) {
	text := strings.Join([]string{
		"[api",
		"[api]",
		"no delimiter: hunter2",
		" = 5s",
		"url = x",
		"url = y",
		"caf\xe9 = 1",
		"a\x00 = 1",
		"a = 1\r2",
		"note = \"\"\"first",
		"[]",
		"[ ]",
		"[a]]",
		"[db] host = x",
		"[api]",
		"url = z",
		"\uFEFFb = 1",
		"c = `x",
		"d = \"x # y\"",
		"e = \"half",
		"f = 'it's'",
		"g = `a` b",
		"h = `a` # it`s",
		"i = \"\"\"a\"\"\"",
		"\"j\" = 1",
		"`k` = 1",
		"l = \"a\" b",
	}, "\n")
	d, problems := parse("x.ini", text)
	assert.Equal(t, []string{
		"x.ini:1: the section's name is not closed: write [name]",
		"x.ini:3: this line has no =: write key = value, or # in front of a comment",
		"x.ini:4: there is no key in front of the =: write key = value",
		"x.ini:6: [api] url is already in line 5: keep one of the two lines",
		"x.ini:7: this line is not UTF-8: save the file as UTF-8",
		"x.ini:8: this line has the control character U+0000: remove it",
		"x.ini:9: this line has the control character U+000D: remove it",
		"x.ini:10: a quote is not closed: a value ends on its line",
		"x.ini:11: the section has no name: write [name]",
		"x.ini:12: the section has no name: write [name]",
		"x.ini:13: a section's name has no brackets: write [name]",
		"x.ini:14: there is something after the section's name: give it a line of its own",
		"x.ini:15: section [api] is already in line 2: move its keys there",
		"x.ini:16: [api] url is already in line 5: keep one of the two lines",
		"x.ini:17: this line has the control character U+FEFF: remove it",
		"x.ini:18: a quote is not closed: a value ends on its line",
		begins(19), begins(20), begins(21),
		"x.ini:22: there is something after the second ` of the value: remove it, or put quotes of another kind around the value",
		"x.ini:23: there is something after the second ` of the value: remove it, or put quotes of another kind around the value",
		begins(24),
		"x.ini:25: a key has no quotes: write key = value",
		"x.ini:26: a key has no quotes: write key = value",
		begins(27),
	}, told(d, problems))
}

// A file without a problem means what the library takes it to mean as a whole,
// and every problem and key has a line of the file.
func FuzzParse(f *testing.F) {
	for _, text := range []string{
		"", "[api]\nurl = x\n", "\uFEFFa=1\r\n", "a = \"\"\"\nb\n\"\"\"", "a = b \\\nc", "[a]\n[a]\n", "`a` = 1", `"a"="b`,
		"a = b # c", "[DEFAULT]\nDEFAULT = 1", "- = 1\n- = 2", "\"\"\"a\"\"\"=1", "a=`", "\xff\xfe", "[a;b]", "a = 'b", "[a] ]#", "=", "a = `b`c`", "a = \"b\"c\"", "a = `` ``",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, problems := parse("x.ini", text)
		lines := strings.Count(text, "\n") + 1
		for _, p := range problems {
			if p.line < 1 || p.line > lines {
				t.Fatalf("problem %q in line %d of %d", p.text, p.line, lines)
			}
		}
		if len(problems) > 0 {
			return
		}
		whole, err := ini.LoadSources(grammar, []byte(text))
		if err != nil {
			t.Fatalf("the library refuses the whole: %v", err)
		}
		for _, s := range d.sections {
			for _, e := range s.entries {
				if e.line < 1 || e.line > lines {
					t.Fatalf("%s in line %d of %d", label(s.name, e.key), e.line, lines)
				}
				have, err := sectionOf(whole, s.name)
				if err != nil || have.Key(e.key).Value() != e.value {
					t.Fatalf("%s = %q, and %v, %v in the whole", label(s.name, e.key), e.value, have, err)
				}
			}
		}
	})
}

// sectionOf finds a section, whose name the library does not trim.
func sectionOf(f *ini.File, name string) (*ini.Section, error) {
	for _, s := range f.Sections() {
		if name != "" && strings.TrimSpace(s.Name()) == name {
			return s, nil
		}
	}
	return f.GetSection(name)
}
