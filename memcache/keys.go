package memcache

import (
	"fmt"
	"strings"
	"unicode"
)

const (
	// maxKey is memcached's own limit, in bytes. (protocol.txt, "Keys")
	maxKey = 250

	// maxNamespace leaves space for the keys.
	maxNamespace = 100
)

// CheckKey returns an error, which matches ErrKey, where memcached cannot take
// the key: when it is empty, longer than 250 bytes, or has blanks or control
// characters in it.
func CheckKey(key string) error {
	switch {
	case key == "":
		return fmt.Errorf("%w: it is empty", ErrKey)
	case len(key) > maxKey:
		return fmt.Errorf("%w: it has %d bytes, and memcached takes %d: make it shorter", ErrKey, len(key), maxKey)
	case strings.ContainsFunc(key, blank):
		return fmt.Errorf("%w: it has blanks or control characters in it: take them out", ErrKey)
	}
	return nil
}

func blank(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }

// checkNamespace is CheckKey for the name of a namespace.
func checkNamespace(name string) error {
	if err := CheckKey(name); err != nil {
		return fmt.Errorf("namespace %q: %w", name, err)
	}
	switch {
	case len(name) > maxNamespace:
		return fmt.Errorf("namespace %q: %w: it has %d bytes, more than %d: make it shorter",
			name, ErrKey, len(name), maxNamespace)
	case strings.Contains(name, ":"):
		return fmt.Errorf("namespace %q: %w: it has a colon in it: take it out", name, ErrKey)
	}
	return nil
}
