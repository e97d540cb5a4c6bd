package reexec

import (
	"io"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// What a watcher is told last counts, and before it is told that an end is a death, none
// is: a process may end while its watcher starts.
func TestWhatAWatcherIsTold(t *testing.T) {
	for said, want := range map[string]struct {
		death      bool
		state, log string
	}{
		"":                                  {false, "before", "/log"},
		sayDeath:                            {true, "before", "/log"},
		sayDeath + sayStop:                  {false, "before", "/log"},
		sayStop + sayDeath:                  {true, "before", "/log"},
		sayDeath + "=\"YQ==\"\n=\"Yg==\"\n": {true, "b", "/log"},
		sayLog("/next") + sayDeath:          {true, "before", "/next"},
		sayLog(""):                          {false, "before", ""},
		sayDeath + "what a later one says\n" + "-": {true, "before", "/log"},
	} {
		t.Run(said, func(t *testing.T) {
			read, write, err := os.Pipe()
			require.NoError(t, err)
			defer read.Close()
			_, err = io.WriteString(write, said)
			require.NoError(t, err)
			require.NoError(t, write.Close())
			o := order{State: []byte("before"), Log: "/log"}
			require.Equal(t, want.death, o.follow(read))
			require.Equal(t, want.state, string(o.State))
			require.Equal(t, want.log, string(o.Log))
		})
	}
}
