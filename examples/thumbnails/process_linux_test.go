package main

import (
	"encoding/binary"
	"hash/crc32"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// bomb returns a small PNG that says it has 60,000 × 60,000 pixels.
func bomb(t *testing.T) string {
	t.Helper()
	b := []byte(picture(t, 4, 4))
	header := b[12:29] // the chunk IHDR, without its length and sum
	binary.BigEndian.PutUint32(header[4:], 60_000)
	binary.BigEndian.PutUint32(header[8:], 60_000)
	binary.BigEndian.PutUint32(b[29:], crc32.ChecksumIEEE(header))
	return string(b)
}

func TestAPoisonedPictureKillsItsProcessOnly(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"in", "out", "aside"} {
		require.NoError(t, os.Mkdir(filepath.Join(dir, name), 0o755))
	}
	put := func(name, content string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644))
		require.NoError(t, os.Rename(filepath.Join(dir, name), filepath.Join(dir, "in", name)))
	}
	put("bomb.png", bomb(t))
	put("good.png", picture(t, 300, 300))
	self, err := os.Executable()
	require.NoError(t, err)
	daemon := exec.Command(self, strings.Fields(args)...)
	daemon.Dir, daemon.Env = dir, append(os.Environ(), asDaemon+"=1")
	var out strings.Builder
	daemon.Stdout, daemon.Stderr = &out, &out
	require.NoError(t, daemon.Start())
	ended := make(chan error, 1)
	go func() { ended <- daemon.Wait() }()
	defer func() { _ = daemon.Process.Kill() }()
	await := func(path string) {
		t.Helper()
		for end := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
			if _, err := os.Stat(filepath.Join(dir, path)); err == nil {
				return
			}
			require.True(t, time.Now().Before(end), "%s has not come:\n%s", path, &out)
		}
	}
	await("out/good.png.jpg")
	await("aside/bomb.png.why")
	put("later.png", picture(t, 20, 20))
	await("out/later.png.jpg")
	why, err := os.ReadFile(filepath.Join(dir, "aside", "bomb.png.why"))
	require.NoError(t, err)
	require.Contains(t, string(why), "memory")
	require.NoError(t, daemon.Process.Signal(syscall.SIGTERM))
	require.NoError(t, <-ended, "%s", &out)
}
