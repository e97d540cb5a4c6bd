package reexec

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// What a program is told at its start is taken as it was written, or not at all.
func FuzzStartInfo(f *testing.F) {
	for _, text := range []string{
		"", "{}", "null", "7", `{"kind":"restarted","dir":"/","pid":1,"ignored":[1,10],"kept":[1]}`,
		`{"kind":"trial","dir":{"bytes":"/w=="},"report":3,"pipe":18446744073709551615}`,
		`{"kind":"subreaper","dir":"/","path":{"bytes":"!"},"end":-1}`, `{"kind":"detached","dir":7}`, `{"files":[{"fd":-1}]}`, `{"state":"!"}`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var s, again startInfo
		if json.Unmarshal([]byte(text), &s) != nil {
			return
		}
		written, err := json.Marshal(s)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(written, &again))
		require.Equal(t, s.Dir, again.Dir)
		require.Equal(t, s.Path, again.Path)
		require.True(t, slices.Equal(s.Kept, again.Kept))
		if s.PID == 0 { // else it could be meant for this very process
			_, meant := s.accept()
			require.False(t, meant)
		}
	})
}

// Any path survives.
func FuzzPath(f *testing.F) {
	for _, p := range []string{"", "/srv", "/caf\xe9", "\xff\n\"", `{"bytes":""}`} {
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, p string) {
		text, err := json.Marshal(path(p))
		require.NoError(t, err)
		var got path
		require.NoError(t, json.Unmarshal(text, &got))
		require.Equal(t, p, string(got))
	})
}
