package sendmail_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	netmail "net/mail"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/evertick/evertick/mail"
	"github.com/evertick/evertick/mail/mailtest"
	"github.com/evertick/evertick/mail/sendmail"
)

// The variables by which this test binary is told to play sendmail.
const (
	inFolder = "SENDMAIL_TEST_FOLDER"
	endsWith = "SENDMAIL_TEST_STATUS"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(inFolder); dir != "" && !slices.ContainsFunc(os.Args, func(a string) bool { return strings.HasPrefix(a, "-test.") }) {
		os.Exit(play(dir))
	}
	os.Exit(m.Run())
}

// play is a sendmail that keeps each mail in a file, or fails, or hangs.
func play(dir string) int {
	if fmt.Sprint(os.Args[1:]) != "[-t -i]" {
		fmt.Println("started with", os.Args[1:])
		return 64
	}
	text, err := io.ReadAll(bufio.NewReader(os.Stdin))
	if err != nil {
		return 74
	}
	switch status := os.Getenv(endsWith); status {
	case "":
	case "hangs":
		select {}
	default:
		n, _ := strconv.Atoi(status)
		fmt.Println("deferred\nfor a reason")
		return n
	}
	f, err := os.CreateTemp(dir, fmt.Sprintf("%020d-*", time.Now().UnixNano()))
	if err != nil {
		return 73
	}
	if _, err := f.Write(text); err != nil {
		return 74
	}
	return 0
}

// site lets the programs that are run keep their mails in a folder of their own.
func site(t *testing.T) (sender mail.Sender, received func() []mail.Message) {
	t.Helper()
	dir := t.TempDir()
	t.Setenv(inFolder, dir)
	return sendmail.Command(os.Args[0], "-t", "-i"), func() []mail.Message {
		files, err := filepath.Glob(dir + "/*")
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(files)
		var all []mail.Message
		for _, f := range files {
			all = append(all, decode(t, f))
		}
		return all
	}
}

// decode reads what a mail program would show.
func decode(t *testing.T, path string) mail.Message {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := netmail.ReadMessage(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(quotedprintable.NewReader(parsed.Body))
	if err != nil {
		t.Fatal(err)
	}
	m := mail.Message{Body: string(body), ID: strings.Trim(parsed.Header.Get("Message-Id"), "<>")}
	if m.Subject, err = new(mime.WordDecoder).DecodeHeader(parsed.Header.Get("Subject")); err != nil {
		t.Fatal(err)
	}
	to, err := parsed.Header.AddressList("To")
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range to {
		m.To = append(m.To, a.Address)
	}
	if from, err := parsed.Header.AddressList("From"); err == nil {
		m.From = from[0].Address
	}
	if m.Time, err = parsed.Header.Date(); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestCommandKeepsThePromises(t *testing.T) {
	mailtest.Run(t, mailtest.Subject{New: site})
}

// What a program says, and its status, are told; sysexits.h tells what lasts.
func TestAProgramThatFails(t *testing.T) {
	m := mail.Message{To: []string{"ops@example.com"}, Subject: "poller Alert", Body: "slow"}
	for status, temporary := range map[string]bool{"75": true, "1": true, "67": false, "77": false} {
		sender, received := site(t)
		t.Setenv(endsWith, status)
		err := sender.Send(t.Context(), m)
		if err == nil || mail.Temporary(err) != temporary || !strings.Contains(err.Error(), "exit status "+status+": deferred for a reason") {
			t.Errorf("status %s: Send = %v, temporary %v", status, err, mail.Temporary(err))
		}
		if n := len(received()); n != 0 {
			t.Errorf("status %s: %d mails", status, n)
		}
	}
}

// A program that hangs is killed when the context ends.
func TestAProgramThatHangs(t *testing.T) {
	sender, _ := site(t)
	t.Setenv(endsWith, "hangs")
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	err := sender.Send(ctx, mail.Message{To: []string{"ops@example.com"}})
	if err == nil || !strings.Contains(err.Error(), "context deadline exceeded") || !mail.Temporary(err) {
		t.Errorf("Send = %v", err)
	}
}

// The URL command: runs a program without arguments; sendmail: with those of sendmail.
func TestURLs(t *testing.T) {
	site(t)
	for url, want := range map[string]string{
		"command:" + os.Args[0]:  "exit status 64: started with []", // it plays sendmail
		"sendmail:" + os.Args[0]: "",
	} {
		sender, err := mail.Parse(url)
		if err != nil {
			t.Fatal(err)
		}
		err = sender.Send(t.Context(), mail.Message{To: []string{"ops@example.com"}})
		if (err == nil) != (want == "") || err != nil && (!strings.Contains(err.Error(), want) || mail.Temporary(err)) {
			t.Errorf("%s: Send = %v", url, err)
		}
	}
	if _, err := mail.Parse("command:"); err == nil || !strings.Contains(err.Error(), "write command:/path/to/program") {
		t.Errorf("Parse = %v", err)
	}
}

func TestAProgramThatIsMissing(t *testing.T) {
	_, err := mail.Parse("sendmail:/no/such/program")
	if err == nil || !strings.Contains(err.Error(), "no such file or directory: install it, or name its path") {
		t.Errorf("Parse = %v", err)
	}
}

// A mail keeps its ID and its thread.
func TestHeaders(t *testing.T) {
	sender, received := site(t)
	m := mail.Message{To: []string{"ops@example.com"}, ID: "a.1@host", References: []string{"b.1@host", "x\r\nBcc: y@z", "b.2@host"}}
	if err := sender.Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if got := received(); len(got) != 1 || got[0].ID != "a.1@host" {
		t.Errorf("received %+v", got)
	}
}
