package mail_test

import (
	"strings"
	"testing"

	"github.com/evertick/evertick/mail"
)

func TestParse(t *testing.T) {
	for _, url := range []string{"stdout:", "stderr:", "STDERR:"} {
		sender, err := mail.Parse(url)
		if err != nil {
			t.Errorf("Parse(%q): %v", url, err)
			continue
		}
		if sender.String() != "a writer" || sender.Check() != nil {
			t.Errorf("Parse(%q) = %v", url, sender)
		}
	}
	for url, want := range map[string]string{
		"":                   "mail: the address of the mail server must begin with one of stderr:, stdout:, unusable:",
		"stdout":             "mail: the address of the mail server must begin with one of stderr:, stdout:, unusable:",
		"u:s3cr3t@localhost": "mail: the address of the mail server must begin with one of stderr:, stdout:, unusable:",
		"stdout:,stderr:":    "mail: several URLs are written with spaces between them, and without commas",
		"stdout:, stderr:":   "mail: several URLs are written with spaces between them, and without commas",
		"stdout: ,stderr:":   "mail: several URLs are written with spaces between them, and without commas",
		"smtp://a,b,SMTPS:c": "mail: several URLs are written with spaces between them, and without commas",
		"stdout:x,y":         `mail: nothing may follow "stdout:"`,
		"stdout:x":           `mail: nothing may follow "stdout:"`,
		"smtp://localhost":   `mail: smtp: needs the import _ "github.com/evertick/evertick/mail/smtp"`,
		"SMTPS://u:s3cr3t@h": `mail: smtps: needs the import _ "github.com/evertick/evertick/mail/smtp"`,
	} {
		if _, err := mail.Parse(url); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("Parse(%q) = %v, want %s", url, err, want)
		}
	}
}

func init() {
	mail.Register("unusable", func(string) (mail.Sender, error) { return mail.Writer(nil), nil })
}

// Several URLs are a Tee, all of whose errors are told.
func TestParseSeveral(t *testing.T) {
	sender, err := mail.Parse(" stdout: stderr: ")
	if err != nil || sender.String() != "a writer and a writer" {
		t.Errorf("Parse = %v, %v", sender, err)
	}
	for urls, only := range map[string]bool{"stdout: stdout:": true, "stdout: stderr:": false} {
		if s, err := mail.Parse(urls); err != nil || s.(interface{ Stdout() bool }).Stdout() != only {
			t.Errorf("%s: %v, %v", urls, s, err)
		}
	}
	if sender, err := mail.Parse("stdout: smtp://localhost u:s3cr3t@h"); sender != nil || err == nil || strings.Count(err.Error(), "\n") != 1 || strings.Contains(err.Error(), "s3cr3t") {
		t.Errorf("Parse = %v, %v", sender, err)
	}
}

func TestParseRefusesWhatTheSenderRefuses(t *testing.T) {
	if sender, err := mail.Parse("unusable:"); sender != nil || err == nil {
		t.Errorf("Parse = %v, %v; want the error of Check", sender, err)
	}
}

func TestRegisterRefusesATakenScheme(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("Register takes stdout: once more")
		}
	}()
	mail.Register("stdout", nil)
}
