package host

import (
	"os"
	"path/filepath"
	"strconv"
)

// RuntimePath returns a path for name that works for any user on a machine that
// nobody has prepared: in the user's run-time folder where there is one, else
// in the folder for temporary files, with the user's number in front.
func RuntimePath(name string) string {
	if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" {
		if info, err := os.Stat(dir); err == nil && info.IsDir() {
			return filepath.Join(dir, name)
		}
	}
	return filepath.Join(os.TempDir(), strconv.Itoa(os.Getuid())+"-"+name)
}
