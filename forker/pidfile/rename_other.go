//go:build !linux

package pidfile

// renameNew renames from to to, unless to exists, which is fs.ErrExist.
func renameNew(from, to string) error { return linkNew(from, to) }
