package webhook

import (
	"encoding/json"
	"errors"
	netmail "net/mail"
	"strings"
	"time"

	"github.com/evertick/evertick/mail"
)

// maxText is how many characters of a mail a chat is given.
const maxText = 10_000

// Body is what is posted, for receivers in Go.
type Body struct {
	Text       string    `json:"text"`
	ID         string    `json:"id,omitempty"`
	References []string  `json:"references,omitempty"`
	From       string    `json:"from,omitempty"`
	To         []string  `json:"to"`
	Subject    string    `json:"subject"`
	Body       string    `json:"body"`
	Time       time.Time `json:"time"`
	Alerts     int       `json:"alerts"`
}

// render returns the body of a request, and the recipients that have no address.
func render(m mail.Message, wall time.Time) (body []byte, refusals []mail.Refusal, err error) {
	m = m.Clean()
	var to []string
	for _, entry := range m.To {
		address, err := netmail.ParseAddress(entry)
		if err != nil {
			refusals = append(refusals, mail.Refusal{
				To: mail.OneLine(entry, maxAnswer), Err: mail.Permanent(errors.New("no mail address; write name@host")),
			})
			continue
		}
		to = append(to, address.Address)
	}
	switch {
	case len(to) == 0 && len(refusals) > 0:
		return nil, nil, &mail.RefusedError{Refusals: refusals}
	case len(to) == 0:
		return nil, nil, mail.Permanent(errors.New("the message has no recipient"))
	}
	if m.Time.IsZero() {
		m.Time = wall
	}
	body, err = json.Marshal(Body{
		Text: chatText(m), ID: m.ID, References: m.References, From: m.From, To: to,
		Subject: m.Subject, Body: m.Body, Time: m.Time, Alerts: max(m.Alerts, 1),
	})
	if err != nil { // a time beyond the year 9999
		return nil, nil, mail.Permanent(err)
	}
	return body, refusals, nil
}

// chatText returns a mail as a chat shows it, and without what would mean something
// there.
func chatText(m mail.Message) string {
	text := []rune(m.Subject + "\n" + strings.TrimRight(m.Body, "\n"))
	if len(text) > maxText {
		text = append(text[:maxText-1], '…')
	}
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(string(text))
}
