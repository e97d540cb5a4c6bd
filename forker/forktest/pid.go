package forktest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/forker"
)

// patience is how long a case waits for what must come.
const patience = 10 * time.Second

func pidCases() []Case {
	return []Case{
		{"a claim writes the number and a newline", claimWrites},
		{"a living claim refuses others", claimRefuses},
		{"a removed claim is free", claimFreed},
		{"a dead process's claim is taken over", claimTakenOver},
		{"a file of anything is taken over", garbageTakenOver},
		{"a removed file is restored", restored},
		{"a replaced file is left alone", replaced},
		{"a check touches nothing", checked},
		{"a living daemon is found", found},
		{"a file without a daemon behind it is refused", refused},
		{"a found process's end is told", endTold},
	}
}

func pidPath(w World) string { return filepath.Join(w.Dir, "d.pid") }

func content(t testing.TB, w World) string {
	t.Helper()
	text, err := w.Files.ReadFile(pidPath(w))
	require.NoError(t, err)
	return string(text)
}

func claim(t testing.TB, w World) forker.PIDFile {
	t.Helper()
	file, err := w.Processes.ClaimPID(pidPath(w))
	require.NoError(t, err)
	return file
}

func refuses(t testing.TB, w World, owner int, err error) {
	t.Helper()
	var claimed *forker.ClaimedError
	require.ErrorAs(t, err, &claimed)
	require.Equal(t, forker.ClaimedError{Path: pidPath(w), PID: owner}, *claimed)
}

func claimWrites(t testing.TB, w World) {
	file := claim(t, w)
	require.Equal(t, fmt.Sprintf("%d\n", w.Processes.PID()), content(t, w))
	require.NoError(t, file.Remove())
}

func claimRefuses(t testing.TB, w World) {
	file, other := claim(t, w), w.Other()
	refuses(t, w, w.Processes.PID(), other.Claim(pidPath(w)))
	_, err := w.Processes.ClaimPID(pidPath(w))
	refuses(t, w, w.Processes.PID(), err)
	require.Equal(t, fmt.Sprintf("%d\n", w.Processes.PID()), content(t, w))
	require.NoError(t, file.Remove())

	require.NoError(t, other.Claim(pidPath(w)))
	_, err = w.Processes.ClaimPID(pidPath(w))
	refuses(t, w, other.PID(), err)
	require.NoError(t, file.Remove(), "a second Remove does nothing")
	require.Equal(t, fmt.Sprintf("%d\n", other.PID()), content(t, w))
}

func claimFreed(t testing.TB, w World) {
	require.NoError(t, claim(t, w).Remove())
	_, err := w.Files.ReadFile(pidPath(w))
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, claim(t, w).Remove())
}

func claimTakenOver(t testing.TB, w World) {
	other := w.Other()
	require.NoError(t, other.Claim(pidPath(w)))
	other.Kill()
	require.Equal(t, fmt.Sprintf("%d\n", other.PID()), content(t, w))
	file := claim(t, w)
	require.Equal(t, fmt.Sprintf("%d\n", w.Processes.PID()), content(t, w))
	require.NoError(t, file.Remove())
}

func garbageTakenOver(t testing.TB, w World) {
	for _, text := range []string{"", "garbage", fmt.Sprintln(w.Other().PID())} {
		require.NoError(t, w.Files.WriteFile(pidPath(w), []byte(text)))
		require.NoError(t, claim(t, w).Remove())
	}
}

func restored(t testing.TB, w World) {
	file := claim(t, w)
	did, err := file.Restore()
	require.NoError(t, err)
	require.False(t, did, "nothing to restore")
	require.NoError(t, w.Files.Remove(pidPath(w)))
	did, err = file.Restore()
	require.NoError(t, err)
	require.True(t, did)
	require.Equal(t, fmt.Sprintf("%d\n", w.Processes.PID()), content(t, w))
	refuses(t, w, w.Processes.PID(), w.Other().Claim(pidPath(w)))
	require.NoError(t, file.Remove())
	_, err = file.Restore()
	require.Error(t, err, "after Remove")
}

func replaced(t testing.TB, w World) {
	file := claim(t, w)
	require.NoError(t, w.Files.Remove(pidPath(w)))
	require.NoError(t, w.Files.WriteFile(pidPath(w), []byte("mine\n")))
	did, err := file.Restore()
	require.Error(t, err)
	require.False(t, did)
	require.NoError(t, file.Remove())
	require.Equal(t, "mine\n", content(t, w), "Remove leaves it, too")
}

func checked(t testing.TB, w World) {
	require.NoError(t, w.Processes.CheckPID(pidPath(w)))
	_, err := w.Files.ReadFile(pidPath(w))
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, w.Other().Claim(pidPath(w)))
	require.NoError(t, w.Processes.CheckPID(pidPath(w)), "whether it is claimed is no matter")
}

func found(t testing.TB, w World) {
	other := w.Other()
	require.NoError(t, other.Claim(pidPath(w)))
	p, err := w.Processes.Find(pidPath(w))
	require.NoError(t, err)
	require.Equal(t, other.PID(), p.PID())
	require.NoError(t, other.Remove())
	_, err = w.Processes.Find(pidPath(w))
	require.ErrorIs(t, err, forker.ErrNotRunning)
}

func refused(t testing.TB, w World) {
	_, err := w.Processes.Find(pidPath(w))
	require.ErrorIs(t, err, forker.ErrNotRunning, "a missing file")
	other := w.Other()
	for _, text := range []string{"", "\n", "garbage", "-1\n", "0\n", "12 13\n", fmt.Sprintf("%d\n1\n", other.PID())} {
		require.NoError(t, w.Files.WriteFile(pidPath(w), []byte(text)))
		_, err := w.Processes.Find(pidPath(w))
		require.Error(t, err, "%q", text)
	}
	require.NoError(t, w.Files.WriteFile(pidPath(w), fmt.Appendln(nil, other.PID())))
	_, err = w.Processes.Find(pidPath(w))
	require.ErrorIs(t, err, forker.ErrNotRunning, "a living process that has not claimed the file")
	require.NoError(t, other.Claim(pidPath(w)))
	other.Kill()
	_, err = w.Processes.Find(pidPath(w))
	require.ErrorIs(t, err, forker.ErrNotRunning, "a dead claimant")
}

func endTold(t testing.TB, w World) {
	other := w.Other()
	require.NoError(t, other.Claim(pidPath(w)))
	p, err := w.Processes.Find(pidPath(w))
	require.NoError(t, err)

	cause := errors.New("enough")
	ctx, cancel := context.WithTimeoutCause(context.Background(), time.Millisecond, cause)
	defer cancel()
	require.Equal(t, cause, p.Wait(ctx))

	other.Kill()
	ctx, cancel = context.WithTimeout(context.Background(), patience)
	defer cancel()
	require.NoError(t, p.Wait(ctx))
	require.NoError(t, p.Wait(ctx), "and once more")
	require.ErrorIs(t, p.Signal(syscall.SIGTERM), os.ErrProcessDone)
}
