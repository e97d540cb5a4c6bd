package smtp

import (
	"errors"
	"fmt"
	netmail "net/mail"
	"strings"

	"github.com/evertick/evertick/mail"
)

// maxAddress is the longest address that a server must take, in bytes: a path
// of 256 with its brackets. (RFC 5321, section 4.5.3.1.3) A server may hang up
// on a longer one, and the mail would reach nobody.
const maxAddress = 254

// bare returns the address as it stands on the wire, without the name and
// without brackets; quoted where it must be, as in "john doe"@example.com.
func bare(a *netmail.Address) string {
	wire := (&netmail.Address{Address: a.Address}).String()
	return strings.TrimSuffix(strings.TrimPrefix(wire, "<"), ">")
}

// recipients returns the bare addresses of m.To, each once and in order, and a
// refusal for each entry that is no address. The error is permanent and says
// that nobody is left to send to.
func recipients(m mail.Message) (to []string, refusals []mail.Refusal, err error) {
	seen := make(map[string]bool)
	for _, entry := range m.To {
		address, err := recipient(entry)
		if err != nil {
			refusals = append(refusals, mail.Refusal{To: mail.OneLine(entry, maxText), Err: mail.Permanent(err)})
			continue
		}
		if !seen[address] {
			seen[address] = true
			to = append(to, address)
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

// recipient returns the bare address of one entry.
func recipient(entry string) (string, error) {
	parsed, err := netmail.ParseAddress(entry)
	if err != nil {
		return "", errors.New("no mail address; write name@host")
	}
	address := bare(parsed)
	if len(address) > maxAddress {
		return "", fmt.Errorf("a mail address has at most %d bytes, this one has %d", maxAddress, len(address))
	}
	return address, nil
}
