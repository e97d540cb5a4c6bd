package lock

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"unicode"
)

// registered are the schemes that packages have registered.
var (
	registeredMu sync.RWMutex // held for instants only
	registered   map[string]func(rest string) (Locker, error)
)

// schemes returns the schemes that Parse knows. Those of this package are not
// in a package's variable, so that a program without Parse does not link them.
func schemes() map[string]func(rest string) (Locker, error) {
	all := map[string]func(string) (Locker, error){"file": parseFile, "null": parseNull}
	registeredMu.RLock()
	defer registeredMu.RUnlock()
	maps.Copy(all, registered)
	return all
}

// schemeOf returns the scheme that a URL begins with; empty where it has none.
// A single letter would be a drive, and what has a slash before the colon is a
// path. (RFC 3986, section 3.1)
func schemeOf(url string) string {
	name, _, found := strings.Cut(url, ":")
	if !found || len(name) < 2 {
		return ""
	}
	for i, c := range []byte(name) {
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (i == 0 || !strings.ContainsRune("0123456789+.-", rune(c))) {
			return ""
		}
	}
	return name
}

// Parse returns the lock of a URL:
//
//	file:/run/x.lock   the lock file of that path, see File; file:x.lock is a
//	                   relative one, file:///run/x.lock another spelling
//	/run/x.lock        the same; so is x.lock
//	null:              the lock that everybody gets, see Null
//
// The path is taken as it stands; nothing in it is escaped. Further schemes
// are known where their packages are imported and have called Register.
// Upper and lower case of a scheme are the same.
func Parse(url string) (Locker, error) {
	switch {
	case url == "":
		return nil, errors.New("lock: the URL is empty: write null:, file:PATH or a path")
	case strings.ContainsFunc(url, unicode.IsControl):
		return nil, fmt.Errorf("lock: the URL %q has control characters in it: take them out", url)
	}
	name := schemeOf(url)
	if name == "" {
		return File(url), nil
	}
	rest := url[len(name)+1:]
	name = strings.ToLower(name)
	all := schemes()
	parse := all[name]
	if parse == nil {
		// Not the whole URL, which may have a password in it.
		return nil, fmt.Errorf("lock: unknown scheme %s: known ones are %s; a path that looks like a URL is written file:PATH",
			name, strings.Join(slices.Sorted(maps.Keys(all)), ", "))
	}
	l, err := parse(rest)
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	return l, nil
}

// Register makes Parse know a further scheme, of lower-case letters, digits,
// plus, dash and dot. parse is given what follows the scheme's colon; its
// errors are prefixed by Parse, and must not repeat a password. Register
// panics when the scheme is malformed or already known. It is safe for
// concurrent use.
func Register(name string, parse func(rest string) (Locker, error)) {
	if parse == nil {
		panic("lock: Register of scheme " + name + " without a function")
	}
	if name == "" || name != strings.ToLower(name) || schemeOf(name+":") != name {
		panic(fmt.Sprintf("lock: Register of %q, which is no scheme", name))
	}
	_, known := schemes()[name]
	registeredMu.Lock()
	defer registeredMu.Unlock()
	if known {
		panic("lock: scheme " + name + " is registered twice")
	}
	if registered == nil {
		registered = map[string]func(string) (Locker, error){}
	}
	registered[name] = parse
}

func parseFile(rest string) (Locker, error) {
	path := rest
	if after, found := strings.CutPrefix(rest, "//"); found {
		if !strings.HasPrefix(after, "/") {
			return nil, fmt.Errorf("file:%s names a host: write file:/path or file:path", rest)
		}
		path = after
	}
	if path == "" {
		return nil, errors.New("file: names no path: write file:/path or file:path")
	}
	return File(path), nil
}

func parseNull(rest string) (Locker, error) {
	if rest != "" {
		return nil, fmt.Errorf("null:%s: nothing may follow null", rest)
	}
	return Null(), nil
}
