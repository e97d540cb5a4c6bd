package mail

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
)

// imports are the packages that register a scheme when a program imports them.
var imports = map[string]string{
	"command":  "github.com/evertick/evertick/mail/sendmail",
	"sendmail": "github.com/evertick/evertick/mail/sendmail",
	"smtp":     "github.com/evertick/evertick/mail/smtp",
	"smtps":    "github.com/evertick/evertick/mail/smtp",

	"webhook+https": "github.com/evertick/evertick/mail/webhook",
	"webhook+http":  "github.com/evertick/evertick/mail/webhook",
}

// schemes are those that packages have registered.
var (
	schemesMu sync.Mutex
	schemes   map[string]func(url string) (Sender, error)
)

// known returns the schemes that Parse knows. Those of this package are not in
// a package's variable, so that a program without Parse does not link them.
func known() map[string]func(url string) (Sender, error) {
	all := map[string]func(url string) (Sender, error){
		"stdout": func(url string) (Sender, error) { return standard(url, os.Stdout) },
		"stderr": func(url string) (Sender, error) { return standard(url, os.Stderr) },
	}
	schemesMu.Lock()
	defer schemesMu.Unlock()
	maps.Copy(all, schemes)
	return all
}

// Register makes the URLs of a scheme known to Parse. The scheme is in lower
// case and has no colon; parse receives the whole URL. A package calls it from
// its init. Register panics when the scheme is taken. It is safe for concurrent
// use.
func Register(scheme string, parse func(url string) (Sender, error)) {
	schemesMu.Lock()
	defer schemesMu.Unlock()
	if schemes[scheme] != nil || scheme == "stdout" || scheme == "stderr" {
		panic(fmt.Sprintf("mail: the scheme %q is registered twice", scheme))
	}
	if schemes == nil {
		schemes = map[string]func(string) (Sender, error){}
	}
	schemes[scheme] = parse
}

// Parse returns the sender that a URL describes, if it passes its own Check:
// stdout: and stderr:, and the schemes of the packages that the program
// imports. Several URLs with spaces between them are a [Tee]. It connects nowhere.
// No error shows any part of a URL but a known scheme. It is safe for concurrent
// use.
func Parse(url string) (Sender, error) {
	urls := strings.FieldsFunc(url, func(r rune) bool { return r == ' ' })
	if joinedByComma(urls) {
		return nil, errors.New("mail: several URLs are written with spaces between them, and without commas")
	}
	if len(urls) < 2 {
		return parseOne(strings.Trim(url, " "))
	}
	var senders []Sender
	var errs []error
	for _, one := range urls {
		sender, err := parseOne(one)
		senders, errs = append(senders, sender), append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return Tee(senders...), nil
}

// joinedByComma reports whether somebody has put commas between URLs.
func joinedByComma(urls []string) bool {
	for i, one := range urls {
		if strings.HasSuffix(one, ",") && len(urls) > 1 || i > 0 && strings.HasPrefix(one, ",") {
			return true
		}
		_, rest, found := strings.Cut(one, ",")
		for ; found; _, rest, found = strings.Cut(rest, ",") {
			scheme, _, colon := strings.Cut(rest, ":")
			scheme = strings.ToLower(scheme)
			if colon && (imports[scheme] != "" || known()[scheme] != nil) {
				return true
			}
		}
	}
	return false
}

func parseOne(url string) (Sender, error) {
	scheme, _, _ := strings.Cut(url, ":")
	scheme = strings.ToLower(scheme)
	all := known()
	parse := all[scheme]
	switch {
	case !strings.Contains(url, ":"), parse == nil && imports[scheme] == "":
		// The text may be a URL that lost its beginning: nothing of it is
		// shown, since a password may be in it.
		return nil, fmt.Errorf("mail: the address of the mail server must begin with one of %s:",
			strings.Join(slices.Sorted(maps.Keys(all)), ":, "))
	case parse == nil:
		return nil, fmt.Errorf("mail: %s: needs the import _ %q", scheme, imports[scheme])
	}
	sender, err := parse(url)
	if err != nil {
		return nil, err
	}
	if err := sender.Check(); err != nil {
		return nil, err
	}
	return sender, nil
}

// standard returns the sender of stdout: or stderr:.
func standard(url string, file *os.File) (Sender, error) {
	if scheme, rest, _ := strings.Cut(url, ":"); rest != "" {
		return nil, fmt.Errorf("mail: nothing may follow %q", scheme+":")
	}
	return Writer(file), nil
}
