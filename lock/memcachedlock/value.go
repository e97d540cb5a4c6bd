package memcachedlock

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/evertick/evertick/lock"
)

// value is what the server has of a lock that is held.
type value struct {
	lock.Owner

	// Token is 0 until the owner has it.
	Token uint64 `json:"token"`

	// ID is of this one lease, through all restarts of its program.
	ID string `json:"id"`

	// TTL is in seconds.
	TTL int64 `json:"ttl"`
}

const idBytes = 16

func newID() string {
	var id [idBytes]byte
	_, _ = rand.Read(id[:]) // never fails
	return hex.EncodeToString(id[:])
}

func validID(id string) bool {
	b, err := hex.DecodeString(id)
	return err == nil && len(b) == idBytes
}

func (v value) encode() []byte {
	text, err := json.Marshal(v)
	if err != nil { // the year of a time beyond 9999
		v.Since = time.Time{}
		text, _ = json.Marshal(v)
	}
	return text
}

// decode reads a value, or says that the key has something else.
func decode(text []byte) (value, error) {
	var v value
	if err := json.Unmarshal(text, &v); err != nil || !validID(v.ID) {
		return value{}, fmt.Errorf("its key has %.60q, which is no lock: use another key, or delete that", text)
	}
	for _, s := range []*string{&v.Name, &v.Host, &v.Start, &v.Command} {
		*s = oneLine(*s)
	}
	return v, nil
}

// oneLine keeps a text that others have written from forging log lines.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsPrint(r):
			return r
		case r == '\n':
			return ';'
		}
		return unicode.ReplacementChar
	}, s)
}

// held is the error of those who come too late.
func (l *Lock) held(v value) error {
	return &lock.HeldError{Lock: l.String(), Holder: v.Owner, TTL: time.Duration(v.TTL) * time.Second}
}
