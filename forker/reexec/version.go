package reexec

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Version returns what identifies the file at path, symbolic links followed: its
// device and inode, its size, and when its content was changed last. So neither
// a rename nor a program that is written over goes unnoticed, while one more
// hard link, another mode or another owner is no other program.
// What the file needs beside it, such as the interpreter of a script, does not
// count. It is empty where there is no file.
func (*OS) Version(path string) string { return version(path) }

func version(path string) string {
	var st unix.Stat_t
	if unix.Stat(path, &st) != nil {
		return ""
	}
	return fmt.Sprintf("%d/%d/%d/%d", st.Dev, st.Ino, st.Size, st.Mtim.Nano())
}
