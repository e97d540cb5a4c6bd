//go:build !linux

package safefile

import "golang.org/x/sys/unix"

// searchFolder opens a folder to find names in it, which needs no permission
// to list it.
const searchFolder = unix.O_SEARCH

// kernelFileSystem names the kernel's own file system that the folder is on.
// Elsewhere than on Linux those refuse new files by themselves.
func kernelFileSystem(int) string { return "" }
