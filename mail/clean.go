package mail

import (
	"slices"
	"strings"
	"unicode"
)

// maxSubject is the longest subject that is sent, in characters. RFC 5322,
// section 2.1.1, limits a line to 998 bytes; people see fewer than 100.
const maxSubject = 200

// Clean returns m as every Sender sends it: the subject is one line of at most
// 200 characters, without control characters; the body is valid UTF-8 whose
// lines all end with \n, and the control characters in it, tabs apart, are
// spaces. What is no Message-ID is left out. The addresses are not looked at; the copy shares nothing with m.
func (m Message) Clean() Message {
	m.To = slices.Clone(m.To)
	m.ID = messageID(m.ID)
	m.References = cleanIDs(m.References)
	m.Subject = OneLine(m.Subject, maxSubject)
	m.Body = text(m.Body)
	return m
}

// OneLine returns s without what could end or disguise a line, cut to at most
// limit characters (1 where limit is less). It makes foreign text, such as the
// reply of a server, fit for a subject, an error or a log.
func OneLine(s string, limit int) string {
	s = strings.TrimSpace(strings.Map(plain, strings.ToValidUTF8(s, "\uFFFD")))
	if runes := []rune(s); len(runes) > limit {
		return string(runes[:max(limit, 1)-1]) + "…"
	}
	return s
}

// cleanIDs returns those that are Message-IDs.
func cleanIDs(ids []string) (clean []string) {
	for _, id := range ids {
		if id = messageID(id); id != "" {
			clean = append(clean, id)
		}
	}
	return clean
}

// text returns s as lines of plain text.
func text(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	s = strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
	s = strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return r
		}
		return plain(r)
	}, s)
	return strings.TrimRight(s, "\n") + "\n"
}

// plain returns r, or a space for what is no character: controls, the
// separators of lines and paragraphs, and the marks that turn the direction of
// writing.
func plain(r rune) rune {
	switch {
	case unicode.IsControl(r), unicode.In(r, unicode.Zl, unicode.Zp, unicode.Bidi_Control):
		return ' '
	default:
		return r
	}
}
