package webhook

import (
	"errors"
	"net"
	"net/url"
	"strings"
	"time"
)

// prefix is what the schemes begin with.
const prefix = "webhook+"

// target is what a URL says.
type target struct {
	url     *url.URL // as it is asked for: with the user, without the options
	secret  string
	timeout time.Duration // 0: the default
}

// parse reads a URL. Its errors quote nothing of it: its path and its options are
// secrets.
func parse(raw string) (target, error) {
	rest, found := strings.CutPrefix(raw, prefix)
	u, err := url.Parse(rest)
	switch {
	case !found || err == nil && u.Scheme != "https" && u.Scheme != "http":
		return target{}, errors.New("mail: a webhook must begin with webhook+https:// or webhook+http://")
	case err != nil:
		return target{}, errors.New("mail: unreadable webhook URL; write webhook+https://host/path, and percent-encode special characters")
	case u.Hostname() == "":
		return target{}, errors.New("mail: webhook URL without a host; write webhook+https://host/path")
	}
	t := target{url: u}
	plain, err := t.options(u.EscapedFragment())
	if err != nil {
		return target{}, err
	}
	u.Fragment, u.RawFragment = "", ""
	if u.Scheme == "http" && !plain && !loopback(u.Hostname()) {
		return target{}, errors.New("mail: webhook+http:// would send alerts in plain text to another machine; use webhook+https://, or add #tls=none")
	}
	return t, nil
}

// options reads what follows the number sign, and reports whether plain text is
// allowed.
func (t *target) options(text string) (plain bool, err error) {
	values, err := url.ParseQuery(text)
	if err != nil {
		return false, errors.New("mail: unreadable options behind # of the webhook URL; percent-encode special characters (%26 for &)")
	}
	for key, given := range values {
		if len(given) > 1 {
			return false, errors.New("mail: an option is given twice in the webhook URL; keep one")
		}
		switch value := given[0]; key {
		case "secret":
			if value == "" {
				return false, errors.New("mail: secret= of the webhook URL is empty; give one, or leave it out")
			}
			t.secret = value
		case "timeout":
			d, err := time.ParseDuration(value)
			if err != nil || d <= 0 {
				return false, errors.New("mail: timeout= of the webhook URL must be a positive duration like 10s")
			}
			t.timeout = d
		case "tls":
			if value != "none" || t.url.Scheme != "http" {
				return false, errors.New("mail: tls= of the webhook URL can only be none, with webhook+http://")
			}
			plain = true
		default:
			return false, errors.New("mail: unknown option behind # of the webhook URL; known are secret, timeout, tls")
		}
	}
	return plain, nil
}

// loopback reports whether what is sent to the host stays on this machine.
func loopback(host string) bool {
	return strings.EqualFold(host, "localhost") || net.ParseIP(host).IsLoopback()
}

// String returns scheme and host: the path of a webhook is often its password.
func (t target) String() string { return prefix + t.url.Scheme + "://" + t.url.Host }

// redact hides what a careless server may have repeated.
func (t target) redact(text string) string {
	var hidden []string
	hide := func(secret string) {
		if len(secret) > 1 {
			hidden = append(hidden, secret, "***")
		}
	}
	hide(t.secret)
	hide(t.url.RequestURI())
	hide(t.url.Path)
	hide(t.url.RawQuery)
	if t.url.User != nil {
		password, _ := t.url.User.Password()
		hide(password)
	}
	return strings.NewReplacer(hidden...).Replace(text)
}
