package forker

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzReadMessage reads what a child whose memory is broken, or that means harm, may
// write to its private pipe. What can be read comes back as it was.
func FuzzReadMessage(f *testing.F) {
	const limit = 1 << 10
	for _, m := range []Message{
		{Kind: Returned, Data: []byte("1")},
		{Kind: Called, Text: "price", Data: []byte("12")},
		{Kind: Panicked, Text: "boom", Stack: "goroutine 1"},
		{Kind: TooLarge, Size: 3, Limit: 2},
	} {
		var frame bytes.Buffer
		require.NoError(f, writeMessage(&frame, m))
		f.Add(frame.Bytes())
		f.Add(frame.Bytes()[:frame.Len()-1])
	}
	f.Add([]byte("r\xff\xff\xff\xff"))
	f.Add([]byte("c\x00\x00\x00\x01\xff"))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := readMessage(bytes.NewReader(text), limit)
		if err != nil || len(m.Text) > maxText || len(m.Stack) > maxText {
			return
		}
		require.LessOrEqual(t, len(m.Data), limit)
		var frame bytes.Buffer
		require.NoError(t, writeMessage(&frame, m))
		again, err := readMessage(&frame, limit)
		require.NoError(t, err)
		require.Equal(t, m, again)
	})
}
