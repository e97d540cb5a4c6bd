package etcdlock

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/evertick/evertick/lock"
)

const scheme = "etcd"

func init() { lock.Register(scheme, parse) }

// parse makes a lock of what follows the colon of
// etcd://host:port[,host:port]/key[?ttl=5s]. Errors do not repeat the hosts, where
// people would write a password.
func parse(rest string) (lock.Locker, error) {
	const form = "write etcd://host:port[,host:port]/key?ttl=5s"
	rest, found := strings.CutPrefix(rest, "//")
	if !found {
		return nil, errors.New("etcd: has no // after the colon: " + form)
	}
	path, query, _ := strings.Cut(rest, "?")
	hosts, path, found := strings.Cut(path, "/")
	if !found || hosts == "" {
		return nil, errors.New("etcd: has no server or no key: " + form)
	}
	key, err := url.PathUnescape(path)
	if err != nil {
		return nil, fmt.Errorf("etcd: the key %q has a percent sign that escapes nothing: write %%25", path)
	}
	options, err := parseQuery(query)
	if err != nil {
		return nil, fmt.Errorf("etcd: %w", err)
	}
	l := New(strings.Split(hosts, ","), key, options...)
	if l.problem != nil {
		return nil, fmt.Errorf("etcd: %w", oneLine(l.problem))
	}
	return l, nil
}

// parseQuery knows ttl alone. A parameter that it does not know may be a secret, and
// is not repeated with its value.
func parseQuery(query string) ([]Option, error) {
	values, err := url.ParseQuery(query)
	if err != nil {
		return nil, errors.New("what follows the question mark is no list of parameters: write ?ttl=5s")
	}
	var options []Option
	for name, all := range values {
		if name != "ttl" || len(all) != 1 {
			return nil, fmt.Errorf("the parameter %q is unknown or written twice: there is ?ttl=5s", name)
		}
		ttl, err := time.ParseDuration(all[0])
		if err != nil {
			return nil, fmt.Errorf("the TTL %q is no duration: write ?ttl=5s", all[0])
		}
		options = append(options, TTL(ttl))
	}
	return options, nil
}
