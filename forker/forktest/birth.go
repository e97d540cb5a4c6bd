package forktest

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/forker"
)

func birthCases() []Case {
	return []Case{
		{"a fresh process knows itself", func(t testing.TB, w World) {
			p := w.Processes
			require.Positive(t, p.PID())
			require.NotEqual(t, p.PID(), w.Other().PID())
			require.True(t, filepath.IsAbs(p.Executable()), p.Executable())
			require.Equal(t, forker.Fresh, p.Birth().Kind)
			require.Nil(t, p.Birth().State)
			require.True(t, filepath.IsAbs(p.Birth().Dir), p.Birth().Dir)
		}},
		{"a report that nobody waits for is no error", func(t testing.TB, w World) {
			require.NoError(t, w.Processes.Report(forker.Report{Running: true}))
			require.NoError(t, w.Processes.Report(forker.Report{Code: 1, Message: "again"}))
		}},
	}
}
