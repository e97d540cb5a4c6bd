package etcdlock

import (
	"encoding/json"
	"strings"
	"unicode"

	"github.com/evertick/evertick/lock"
)

// maxOwner is how long an owner's details can be: JSON writes a byte of the command
// line as six at most.
const maxOwner = 16 << 10

// holder reads an owner's details, which anybody may have put there. They are for
// people, and must not forge a line of a log.
func holder(value []byte) lock.Owner {
	var who lock.Owner
	if len(value) > maxOwner || json.Unmarshal(value, &who) != nil {
		return lock.Owner{}
	}
	for _, text := range []*string{&who.Name, &who.Host, &who.Start, &who.Command} {
		*text = strings.Map(visible, *text)
	}
	return who
}

func visible(r rune) rune {
	if unicode.IsPrint(r) {
		return r
	}
	return unicode.ReplacementChar
}
