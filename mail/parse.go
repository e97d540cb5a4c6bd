package mail

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
)

// schemes are the transports that Parse knows.
var schemes = map[string]func(url string) Sender{
	"smtp":   func(url string) Sender { return SMTP(url) },
	"smtps":  func(url string) Sender { return SMTP(url) },
	"stdout": func(string) Sender { return Writer(os.Stdout) },
	"stderr": func(string) Sender { return Writer(os.Stderr) },
}

// Parse makes a sender of a URL: smtp://… and smtps://… as in SMTP, stdout:
// and stderr: for development. It reports what the sender's Check would.
func Parse(url string) (Sender, error) {
	scheme, rest, found := strings.Cut(url, ":")
	transport := schemes[strings.ToLower(scheme)]
	if !found || transport == nil {
		// The text may be a URL that lost its beginning: nothing of it is
		// shown, since a password may be in it.
		return nil, fmt.Errorf("mail: the address of the mail server must begin with one of %s", known())
	}
	if strings.HasPrefix(scheme, "std") && rest != "" {
		return nil, fmt.Errorf("mail: nothing may follow %q", scheme+":")
	}
	sender := transport(url)
	if err := sender.Check(); err != nil {
		return nil, err
	}
	return sender, nil
}

// known lists the schemes in order.
func known() string {
	names := slices.Sorted(maps.Keys(schemes))
	for i, name := range names {
		names[i] = name + ":"
	}
	return strings.Join(names, ", ")
}
