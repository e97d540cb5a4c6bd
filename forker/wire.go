package forker

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
)

// The private pipe carries frames: a kind, the body's length in four bytes, the
// body. That of a result is the result; any other is a Message as JSON.

// headerLength is the length of what precedes a frame's body.
const headerLength = 5

// maxText is the longest text or stack, in bytes, that a child sends.
const maxText = 256 << 10

// maxTextFrame is the longest body, in bytes, of a frame that is no result:
// JSON writes a byte as six characters at worst.
const maxTextFrame = 2*6*maxText + 1<<10

// writeMessage sends m in one write.
func writeMessage(w io.Writer, m Message) error {
	body := m.Data
	if m.Kind != Returned {
		m.Text, m.Stack = cut(m.Text), cut(m.Stack)
		var err error
		if body, err = json.Marshal(m); err != nil {
			return err
		}
	}
	frame := make([]byte, headerLength, headerLength+len(body))
	frame[0] = byte(m.Kind)
	binary.BigEndian.PutUint32(frame[1:], uint32(len(body)))
	_, err := w.Write(append(frame, body...))
	return err
}

// cut bounds a text.
func cut(text string) string {
	if len(text) <= maxText {
		return text
	}
	return text[:maxText] + "…"
}

// readMessage receives one message, whose result has at most limit bytes.
func readMessage(r io.Reader, limit int) (Message, error) {
	var header [headerLength]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return Message{}, err
	}
	m := Message{Kind: MessageKind(header[0])}
	length := int(binary.BigEndian.Uint32(header[1:]))
	if m.Kind != Returned {
		limit = maxTextFrame
	}
	if length > limit {
		return m, fmt.Errorf("a message of kind %q has %d bytes, more than %d", m.Kind, length, limit)
	}
	body := make([]byte, length)
	if _, err := io.ReadFull(r, body); err != nil {
		return m, err
	}
	if m.Kind == Returned {
		m.Data = body
		return m, nil
	}
	kind := m.Kind
	err := json.Unmarshal(body, &m)
	m.Kind = kind
	return m, err
}
