package smtp

import (
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

// policy says how a connection is encrypted.
type policy string

const (
	opportunistic policy = "opportunistic" // STARTTLS where the server offers it
	required      policy = "required"      // STARTTLS or nothing
	none          policy = "none"          // plain text
	implicit      policy = "implicit"      // TLS from the first byte: smtps
)

// target is what an SMTP URL says.
type target struct {
	scheme   string
	host     string // without brackets
	port     string
	user     string
	password string
	tls      policy
	from     string        // the default sender; never empty
	timeout  time.Duration // 0: the default
}

// address returns the host and port to dial.
func (t target) address() string { return net.JoinHostPort(t.host, t.port) }

// loopback reports whether what is sent to the host stays on this machine.
func (t target) loopback() bool {
	return strings.EqualFold(t.host, "localhost") || net.ParseIP(t.host).IsLoopback()
}

// parse reads an SMTP URL. Its errors quote nothing of the URL but what cannot
// be a piece of a password that somebody forgot to escape.
func parse(raw string) (target, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return target{}, errors.New("mail: unreadable SMTP URL; write smtp://user:password@host:port, " +
			"and percent-encode special characters of the password (%40 for @, %2F for /)")
	case u.Scheme != "smtp" && u.Scheme != "smtps":
		return target{}, errors.New("mail: an SMTP URL must begin with smtp:// or smtps://")
	case u.Path != "" && u.Path != "/", u.Fragment != "", u.Opaque != "":
		return target{}, errors.New("mail: an SMTP URL ends with host and port; " +
			"write / as %2F and # as %23 in a password")
	case u.Hostname() == "":
		return target{}, errors.New("mail: SMTP URL without a host; write smtp://host or smtp://host:port")
	}
	t := target{scheme: u.Scheme, host: u.Hostname(), port: u.Port()}
	if t.port == "" {
		t.port = map[string]string{"smtp": "25", "smtps": "465"}[t.scheme]
	}
	if n, err := strconv.ParseUint(t.port, 10, 16); err != nil || n == 0 {
		return target{}, errors.New("mail: port of the SMTP URL out of range; it is 1 to 65535")
	}
	if t.scheme == "smtps" {
		t.tls = implicit
	}
	if u.User != nil {
		t.user = u.User.Username()
		t.password, _ = u.User.Password()
	}
	if err := t.options(u.RawQuery); err != nil {
		return target{}, err
	}
	switch {
	case t.tls != "":
	case t.loopback():
		t.tls = opportunistic
	default:
		t.tls = required
	}
	return t, t.checkConsistent()
}

// options reads what follows the question mark.
func (t *target) options(query string) error {
	values, err := url.ParseQuery(query)
	if err != nil {
		return errors.New("mail: unreadable options in the SMTP URL; percent-encode special characters")
	}
	for key, given := range values {
		if len(given) > 1 {
			return errors.New("mail: an option is given twice in the SMTP URL; keep one")
		}
		if err := t.option(key, given[0]); err != nil {
			return err
		}
	}
	if t.from == "" {
		t.from = "evertick@" + hostname()
	}
	return nil
}

// option reads one of them.
func (t *target) option(key, value string) error {
	switch key {
	case "from":
		if _, err := netmail.ParseAddress(value); err != nil {
			return errors.New("mail: from= in the SMTP URL is no mail address; write from=name@host")
		}
		t.from = value
	case "tls":
		switch mode := policy(value); {
		case mode != opportunistic && mode != required && mode != none:
			return errors.New("mail: tls= in the SMTP URL must be none, opportunistic or required")
		case t.scheme == "smtps" && mode != required:
			return errors.New("mail: smtps:// always uses TLS; drop tls= or write smtp://")
		case t.scheme == "smtp":
			t.tls = mode
		}
	case "timeout":
		d, err := time.ParseDuration(value)
		if err != nil || d <= 0 {
			return errors.New("mail: timeout= in the SMTP URL must be a positive duration like 10s")
		}
		t.timeout = d
	default:
		return errors.New("mail: unknown option in the SMTP URL; known are from, timeout, tls")
	}
	return nil
}

// checkConsistent finds what no server could satisfy.
func (t target) checkConsistent() error {
	switch {
	case t.user == "" && t.password != "":
		return errors.New("mail: SMTP URL with a password but no user; write smtp://user:password@host")
	case t.user != "" && t.tls == none && !t.loopback():
		return fmt.Errorf("mail: tls=none would send the password to %s in plain text; "+
			"use tls=required or smtps://", t.host)
	}
	return nil
}

// String returns the URL without user, password and options.
func (t target) String() string { return fmt.Sprintf("%s://%s", t.scheme, t.address()) }

// hostname returns this machine's name, as far as it can stand in an address.
func hostname() string {
	name, err := os.Hostname()
	if err != nil || name == "" {
		return "localhost"
	}
	if _, err := netmail.ParseAddress("evertick@" + name); err != nil {
		return "localhost"
	}
	return name
}
