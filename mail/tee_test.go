package mail_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/evertick/evertick/mail"
	"github.com/evertick/evertick/mail/mailtest"
)

func TestTeeKeepsThePromises(t *testing.T) {
	mailtest.Run(t, mailtest.Subject{
		New: func(*testing.T) (mail.Sender, func() []mail.Message) {
			var p, other paper
			return mail.Tee(mail.Writer(&p), mail.Writer(&other)), p.read
		},
		In: synctest.Test,
	})
}

// One road that is out of order costs the others nothing.
func TestTeeDeliversByTheRoadsThatWork(t *testing.T) {
	var good, bad post
	bad.fail(errAway)
	sender := mail.Tee(&bad, &good)
	if err := sender.Send(t.Context(), alert); err != nil || len(good.mails()) != 1 {
		t.Errorf("Send = %v, %d mails", err, len(good.mails()))
	}
	good.fail(errAway)
	if err := sender.Send(t.Context(), alert); err == nil || !mail.Temporary(err) {
		t.Errorf("none works: Send = %v", err)
	}
	if name := sender.String(); name != "a post and a post" {
		t.Errorf("String = %q", name)
	}
	if err := mail.Tee().Check(); err == nil || !strings.Contains(err.Error(), "give at least one") {
		t.Errorf("Check of none = %v", err)
	}
}
