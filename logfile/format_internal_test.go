package logfile

import "testing"

func TestAppendPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"":                "",
		"plain text, 7 %": "plain text, 7 %",
		"tab\tstays":      "tab\tstays",
		"é € 日本 😀":        "é € 日本 😀",
		"a\nb":            `a\nb`,
		"a\rb":            `a\rb`,
		"\x1b[31m":        `\x1b[31m`,
		"\x00\a\x7f":      `\x00\a\x7f`,
		"\xff\xc3":        `\xff\xc3`,
		"\u0085":          `\u0085`,
		"\u2028":          `\u2028`,
		"\u202e":          `\u202e`,
		"\u00a0":          `\u00a0`,
		"\ufeff":          `\ufeff`,
		"\U000e0001":      `\U000e0001`,
		"\ufffd":          "\ufffd",
		`back\slash "q"`:  `back\slash "q"`,
	} {
		if got := string(appendPrintable([]byte("> "), in)); got != "> "+want {
			t.Errorf("%q: want %q, got %q", in, "> "+want, got)
		}
	}
}
