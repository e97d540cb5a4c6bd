package reexec

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAPathSurvivesJSON(t *testing.T) {
	for _, p := range []path{"", "/srv/x", "/caf\xe9", "\xff\xfe", "a\nb", `{"bytes":"eA=="}`, "/\u2028"} {
		text, err := json.Marshal(startInfo{Dir: p})
		require.NoError(t, err)
		var got startInfo
		require.NoError(t, json.Unmarshal(text, &got))
		require.Equal(t, p, got.Dir)
	}
	var p path
	require.Error(t, json.Unmarshal([]byte("7"), &p))
}
