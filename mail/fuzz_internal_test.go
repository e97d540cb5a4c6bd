package mail

import (
	"encoding/json"
	"strings"
	"testing"
)

// Whatever a file of the spool holds, what is read of it can be written again, and
// names no file outside of the spool.
func FuzzLetter(f *testing.F) {
	for _, text := range []string{
		"", "{}", "null", "[]", `{"ID":"a.1@host","To":["ops@example.com"],"Subject":"s","Body":"b","Time":"2026-01-01T00:00:00Z"}`,
		`{"ID":"../x@host","To":["a"]}`, `{"ID":"a@b","To":["a"],"Attempts":-1}`, `{"ID":".a@b","To":["a"]}`, "{\"ID\":\"a\x00@b\",\"To\":[\"a\"]}",
		`{"ID":"a@b","To":["a"],"Dropped":9223372036854775807,"Body":"\ud800"}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := parseLetter(data)
		if err != nil {
			return
		}
		if strings.ContainsAny(l.name, "/\x00\r\n") || strings.HasPrefix(l.name, ".") || !strings.HasSuffix(l.name, mailSuffix) {
			t.Fatalf("the name %q", l.name)
		}
		again, err := json.Marshal(l)
		if err != nil {
			t.Fatal(err)
		}
		if other, err := parseLetter(again); err != nil || other.ID != l.ID || other.name != l.name {
			t.Fatalf("read again: %+v, %v", other, err)
		}
	})
}

// Whatever the file of the groups holds, what is read of it makes sense.
func FuzzGroups(f *testing.F) {
	for _, text := range []string{
		"", "[]", "null", "[null]", `[{"Kind":"k"}]`, `[{"Kind":"k","Reminders":9223372036854775807,"Samples":["a\nb"],"Thread":"x\r\ny@z","Title":"a\u2028b"}]`,
		`[{"Kind":"k","Pending":-1}]`, `[{"Kind":""}]`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		all, err := parseGroups(data)
		if err != nil {
			return
		}
		for _, g := range all {
			bad := strings.ContainsAny(g.Title+strings.Join(g.Samples, ""), "\r\n") || g.Thread != messageID(g.Thread)
			if bad || g.Total < 0 || g.Pending < 0 || g.Reminders > 20 {
				t.Fatalf("read %+v", g)
			}
		}
	})
}

// No message can forge a header: what Clean returns has one line where there must
// be one.
func FuzzClean(f *testing.F) {
	f.Add("poller Alert\r\nBcc: mallory@example.com", "body", "a.1@host", "b.1@host")
	f.Add("\u2028\u202e\x00", "\r\r\n", "a@b\r\n", " <a@b>")
	f.Fuzz(func(t *testing.T, subject, body, id, reference string) {
		m := Message{Subject: subject, Body: body, ID: id, References: []string{reference}}.Clean()
		line := m.Subject + m.ID + strings.Join(m.References, "")
		if strings.ContainsAny(line, "\r\n\x00\u2028\u2029") || strings.ContainsAny(m.ID+strings.Join(m.References, ""), " <>\t") {
			t.Fatalf("Clean returns %+v", m)
		}
		if len([]rune(m.Subject)) > maxSubject || strings.Contains(m.Body, "\r") || !strings.HasSuffix(m.Body, "\n") {
			t.Fatalf("Clean returns %+v", m)
		}
	})
}
