package smtp

import (
	"errors"
	netmail "net/mail"

	"github.com/evertick/evertick/mail"
)

// recipients returns the addresses of m.To without the names of people, each
// once and in order, and a refusal for each entry that is no address. The error
// is permanent and says that nobody is left to send to.
func recipients(m mail.Message) (to []string, refusals []mail.Refusal, err error) {
	seen := make(map[string]bool)
	for _, entry := range m.To {
		address, err := netmail.ParseAddress(entry)
		if err != nil {
			refusals = append(refusals, mail.Refusal{
				To:  mail.OneLine(entry, maxText),
				Err: mail.Permanent(errors.New("no mail address; write name@host")),
			})
			continue
		}
		if !seen[address.Address] {
			seen[address.Address] = true
			to = append(to, address.Address)
		}
	}
	switch {
	case len(to) > 0:
		return to, refusals, nil
	case len(refusals) > 0:
		return nil, refusals, &mail.RefusedError{Refusals: refusals}
	default:
		return nil, nil, mail.Permanent(errors.New("the message has no recipient"))
	}
}
