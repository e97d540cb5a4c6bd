package forker

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
)

// The private pipes carry frames: a kind, the body's length in four bytes, the
// body. That of a result is the result; that of a call is the length of the
// method's name in one byte, the name, and the argument; any other is a Message
// as JSON.

// headerLength is the length of what precedes a frame's body.
const headerLength = 5

// maxText is the longest text or stack, in bytes, that a child sends.
const maxText = 256 << 10

// maxName is the longest name of a method, in bytes.
const maxName = 255

// maxTextFrame is the longest body, in bytes, of a frame that is no result:
// JSON writes a byte as six characters at worst.
const maxTextFrame = 2*6*maxText + 1<<10

// writeMessage sends m in one write.
func writeMessage(w io.Writer, m Message) error {
	var name, body []byte
	switch m.Kind {
	case Returned:
		body = m.Data
	case Called:
		name, body = append([]byte{byte(len(m.Text))}, m.Text...), m.Data
	default:
		m.Text, m.Stack = cut(m.Text), cut(m.Stack)
		var err error
		if body, err = json.Marshal(m); err != nil {
			return err
		}
	}
	length := len(name) + len(body)
	frame := make([]byte, headerLength, headerLength+length)
	frame[0] = byte(m.Kind)
	binary.BigEndian.PutUint32(frame[1:], uint32(length))
	_, err := w.Write(append(append(frame, name...), body...))
	return err
}

// cut bounds a text.
func cut(text string) string {
	if len(text) <= maxText {
		return text
	}
	return text[:maxText] + "…"
}

// readMessage receives one message, whose result or argument has at most limit
// bytes.
func readMessage(r io.Reader, limit int) (Message, error) {
	var header [headerLength]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return Message{}, err
	}
	m := Message{Kind: MessageKind(header[0])}
	length := int(binary.BigEndian.Uint32(header[1:]))
	switch m.Kind {
	case Returned:
	case Called:
		limit += 1 + maxName
	default:
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
	if m.Kind == Called {
		if len(body) == 0 || len(body) < 1+int(body[0]) {
			return m, fmt.Errorf("a call has %d bytes, too few for its method's name", len(body))
		}
		end := 1 + int(body[0])
		m.Text, m.Data = string(body[1:end]), body[end:]
		return m, nil
	}
	kind := m.Kind
	err := json.Unmarshal(body, &m)
	m.Kind = kind
	return m, err
}
