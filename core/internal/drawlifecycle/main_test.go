package main

import (
	"bytes"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/core"
)

func TestThePictureIsFresh(t *testing.T) {
	have, err := os.ReadFile("../../../docs/lifecycle.svg")
	require.NoError(t, err)
	require.True(t, bytes.Equal(have, draw()), "docs/lifecycle.svg is stale: run go generate ./core")
}

func TestEveryStateHasItsPlace(t *testing.T) {
	for _, tr := range core.Lifecycle() {
		require.Contains(t, places, tr.From)
		require.Contains(t, places, tr.To)
	}
}
