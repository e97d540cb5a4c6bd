package lock

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"
)

// registry knows the kinds of locks by the scheme of their URLs.
type registry struct {
	mu    sync.RWMutex // held for instants only
	kinds map[string]func(rest string) (Locker, error)
}

var schemes = registry{kinds: map[string]func(string) (Locker, error){
	"file": parseFile,
	"null": parseNull,
}}

// scheme is what a URL begins with. A single letter would be a drive, and
// what has a slash before the colon is a path.
var scheme = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9+.-]+):`)

// Parse makes a lock of its URL:
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
	name := scheme.FindString(url)
	if name == "" {
		return File(url), nil
	}
	rest := url[len(name):]
	name = strings.ToLower(strings.TrimSuffix(name, ":"))
	parse, known := schemes.find(name)
	if parse == nil {
		// Not the whole URL, which may have a password in it.
		return nil, fmt.Errorf("lock: unknown scheme %s: known ones are %s; a path that looks like a URL is written file:PATH",
			name, strings.Join(known, ", "))
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
	if name != strings.ToLower(name) || scheme.FindString(name+":") != name+":" {
		panic(fmt.Sprintf("lock: Register of %q, which is no scheme", name))
	}
	schemes.mu.Lock()
	defer schemes.mu.Unlock()
	if _, known := schemes.kinds[name]; known {
		panic("lock: scheme " + name + " is registered twice")
	}
	schemes.kinds[name] = parse
}

// find returns a scheme's function, or nil, and the known schemes in order.
func (r *registry) find(name string) (parse func(string) (Locker, error), known []string) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.kinds[name], slices.Sorted(maps.Keys(r.kinds))
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
