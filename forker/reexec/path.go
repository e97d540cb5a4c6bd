package reexec

import (
	"encoding/json"
	"unicode/utf8"
)

// path is a path in JSON, whatever its bytes are: JSON's own text is Unicode, and
// the names of files need not be.
type path string

// MarshalJSON writes a path that is no UTF-8 as its bytes, in base64.
func (p path) MarshalJSON() ([]byte, error) {
	if utf8.ValidString(string(p)) {
		return json.Marshal(string(p))
	}
	return json.Marshal(struct {
		Bytes []byte `json:"bytes"`
	}{[]byte(p)})
}

// UnmarshalJSON reads either form.
func (p *path) UnmarshalJSON(text []byte) error {
	var plain string
	if json.Unmarshal(text, &plain) == nil {
		*p = path(plain)
		return nil
	}
	var other struct {
		Bytes []byte `json:"bytes"`
	}
	err := json.Unmarshal(text, &other)
	*p = path(other.Bytes)
	return err
}
