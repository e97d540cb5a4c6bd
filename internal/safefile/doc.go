// Package safefile opens a daemon's files where others may have been before:
// its lock, its PID file, its log.
//
// A daemon often runs as root and writes to well-known names. In a folder that
// others may write to, somebody can put a symbolic link, a FIFO or a file of
// his own under such a name and wait. [Open] refuses all of that, and [Check]
// says beforehand, touching nothing, what Open would say.
//
// # What is opened
//
//   - Only a regular file. A folder, a FIFO, a device or a socket in its place
//     is refused, and never blocks.
//   - Never with a mode looser than 0644, whatever the umask, and a new one never
//     with one that locks its owner out. A file of our own that is looser is
//     tightened.
//   - Never on a file system of the kernel's own, such as /proc or /sys, and so
//     not through /dev/stdout either; [Follow] finds out where a path leads there.
//   - Always with O_CLOEXEC.
//
// # Shared folders
//
// A folder is private when root or we ourselves own it and nobody else may
// write to it; any other is shared. In a private folder a symbolic link is
// followed, and the rules then apply to the folder that it leads into. In a
// shared folder a link is not followed, and a file that belongs to somebody
// else, or that has a second name, is refused.
//
// The folder is held open from the first look at it until the file is open, so
// that nobody can exchange it in between.
package safefile
