package smtp_test

import (
	"strings"
	"testing"

	"github.com/evertick/evertick/mail"
	"github.com/evertick/evertick/mail/smtp"
)

func TestGoodURLs(t *testing.T) {
	for url, want := range map[string]string{
		"smtp://localhost":                            "smtp://localhost:25",
		"smtp://localhost/":                           "smtp://localhost:25",
		"SMTP://localhost:2525":                       "smtp://localhost:2525",
		"smtps://mail.example.com":                    "smtps://mail.example.com:465",
		"smtps://u:s3cr3t@mail.example.com":           "smtps://mail.example.com:465",
		"smtps://mail.example.com?tls=required":       "smtps://mail.example.com:465",
		"smtp://u:p%40ss%2F%3F%23@mail.example.com:1": "smtp://mail.example.com:1",
		"smtp://u:s3cr3t@127.0.0.1?tls=none":          "smtp://127.0.0.1:25",
		"smtp://[::1]:25?timeout=5s":                  "smtp://[::1]:25",
		"smtp://h?tls=opportunistic&from=a%2Bb@c.org": "smtp://h:25",
		"smtp://h?from=Poller+%3Cpoller@h.org%3E":     "smtp://h:25",
	} {
		sender, err := mail.Parse(url)
		if err != nil {
			t.Errorf("Parse(%q): %v", url, err)
			continue
		}
		if sender.String() != want || sender.Check() != nil {
			t.Errorf("Parse(%q) = %v, want %s", url, sender, want)
		}
	}
}

// Each error says what to write instead, in one line, and shows no password,
// not even a piece of one that was not escaped.
func TestBadURLs(t *testing.T) {
	for url, remedy := range map[string]string{
		"":                                     "smtp:, smtps:, stderr:, stdout:",
		"localhost":                            "smtp:, smtps:, stderr:, stdout:",
		"http://localhost":                     "smtp:, smtps:, stderr:, stdout:",
		"u:s3cr3t@localhost":                   "smtp:, smtps:, stderr:, stdout:",
		"smtp:":                                "without a host",
		"smtp://":                              "without a host",
		"smtp://:25":                           "without a host",
		"smtp:localhost:25":                    "ends with host and port",
		"smtp://u:s3cr3t@":                     "without a host",
		"smtp://localhost:x":                   "percent-encode",
		"smtp://localhost:0":                   "1 to 65535",
		"smtp://localhost:65536":               "1 to 65535",
		"smtp://localhost/s3cr3t":              "%2F",
		"smtp://localhost#s3cr3t":              "%23",
		"smtp://u:s3cr3t/x@localhost":          "percent-encode",
		"smtp://u:s3cr3t%zz@localhost":         "percent-encode",
		"smtp://u:1?s3cr3t@localhost":          "known are from, timeout, tls",
		"smtp://u:s3cr3t\n@localhost":          "percent-encode",
		"smtp://:s3cr3t@localhost":             "smtp://user:password@host",
		"smtp://localhost?s3cr3t=1":            "known are from, timeout, tls",
		"smtp://localhost?from=%zz":            "percent-encode",
		"smtp://localhost?tls=none&tls=none":   "keep one",
		"smtp://localhost?tls=yes":             "none, opportunistic or required",
		"smtps://localhost?tls=none":           "drop tls=",
		"smtps://localhost?tls=opportunistic":  "drop tls=",
		"smtp://localhost?from=nobody":         "from=name@host",
		"smtp://localhost?from=a@b%0d%0aBcc:c": "from=name@host",
		"smtp://localhost?timeout=s3cr3t":      "positive duration",
		"smtp://localhost?timeout=-1s":         "positive duration",
		"smtp://u:s3cr3t@h.org?tls=none":       "tls=required or smtps://",
	} {
		_, err := mail.Parse(url)
		if err == nil {
			t.Errorf("Parse(%q) takes it", url)
			continue
		}
		text := err.Error()
		if !strings.HasPrefix(text, "mail: ") || strings.Count(text, "mail: ") != 1 ||
			!strings.Contains(text, remedy) || strings.ContainsAny(text, "\r\n") {
			t.Errorf("Parse(%q) = %q, want %q in it", url, text, remedy)
		}
		if strings.Contains(text, "s3cr3t") {
			t.Errorf("Parse(%q) shows the secret: %q", url, text)
		}
	}
}

// A sender is declared before anybody can look at an error, so that it carries
// the error along.
func TestBadURLIsReportedByTheSender(t *testing.T) {
	relay := smtp.Server("smtp://u:s3cr3t@")
	if relay.Check() == nil || strings.Contains(relay.String(), "s3cr3t") {
		t.Errorf("Check = %v of %v", relay.Check(), relay)
	}
	if err := relay.Send(t.Context(), alert); err == nil || mail.Temporary(err) {
		t.Errorf("Send = %v, want the error of Check", err)
	}
	if new(smtp.Relay).Check() == nil || new(smtp.Relay).Send(t.Context(), alert) == nil {
		t.Error("a Relay that nobody made passes its check")
	}
}

func FuzzParse(f *testing.F) {
	for _, url := range []string{"smtp://u:p@h:25?tls=none", "smtps://h?from=a@b", "stdout:", "smtp://[::1", "%"} {
		f.Add(url)
	}
	f.Fuzz(func(t *testing.T, url string) {
		sender, err := mail.Parse(url)
		if (sender == nil) == (err == nil) {
			t.Errorf("Parse = %v, %v", sender, err)
		}
		if err != nil && (strings.Contains(err.Error(), "\r") || strings.Count(err.Error(), "\n") > strings.Count(url, " ")) {
			t.Errorf("the error has more than a line for each of the URLs: %q", err)
		}
	})
}
