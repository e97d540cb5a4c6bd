package memcachedlock

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/evertick/evertick/lock"
)

func init() { lock.Register("memcached", parse) }

// String returns the lock's URL, such as memcached://cache-1:11211/poller?ttl=10s.
func (l *Lock) String() string {
	key := strings.ReplaceAll(url.PathEscape(l.key), "@", "%40")
	return "memcached://" + strings.Join(l.servers, ",") + "/" + key + "?ttl=" + l.ttl.String()
}

// parse makes a lock of what follows the scheme's colon:
//
//	//host:port[,host:port]/key[?ttl=10s]
//
// In the key, what has a meaning in URLs is written as %XX; a slash need not be.
func parse(rest string) (lock.Locker, error) {
	after, found := strings.CutPrefix(rest, "//")
	hosts, path, slash := strings.Cut(after, "/")
	if !found || !slash {
		return nil, errors.New("write memcached://host:port/key")
	}
	if strings.Contains(after, "@") {
		// What is before it may be a password.
		return nil, errors.New("memcached: the URL has an @ in it: there is no user and no password here; in a key it is %40")
	}
	escaped, query, _ := strings.Cut(path, "?")
	key, err := url.PathUnescape(escaped)
	var options Options
	if err == nil {
		options, err = parseOptions(query)
	}
	l := New(strings.Split(hosts, ","), key, options)
	if err == nil {
		err = l.wrong
	}
	if err != nil {
		return nil, fmt.Errorf("memcached://%s/%s: %w", hosts, escaped, flat{err})
	}
	return l, nil
}

func parseOptions(query string) (o Options, err error) {
	values, err := url.ParseQuery(query)
	if err != nil {
		return o, err
	}
	for name, texts := range values {
		if name != "ttl" {
			return o, fmt.Errorf("unknown option %q: there is ttl, such as ttl=10s", name)
		}
		o.TTL, err = time.ParseDuration(texts[len(texts)-1])
		if err != nil {
			return o, fmt.Errorf("the option ttl: %w: write ttl=10s", err)
		}
		if o.TTL == 0 {
			return o, checkTTL(0)
		}
	}
	return o, nil
}
