// Command sitecheck is a daemon to copy: it asks a web site each minute whether
// it is there, and mails when that changes.
package main

import (
	"context"
	"net/http"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/lock"
	"github.com/evertick/evertick/logfile"
	_ "github.com/evertick/evertick/mail/smtp" // --alerts smtp://…
)

func main() { New().Main() }

// New declares the daemon.
func New(extra ...core.Option) *core.Daemon { return declare(http.DefaultTransport, extra...) }

func declare(network http.RoundTripper, extra ...core.Option) *core.Daemon {
	s := site{client: &http.Client{Transport: network, Timeout: 10 * time.Second}, up: true}
	return core.New("sitecheck", append([]core.Option{
		core.About("mails when a web site goes away, and when it is back"),
		core.Every(time.Minute),
		core.Execute(s.check),
		core.WithLock(lock.File(core.RuntimePath("sitecheck.lock"))),
		core.WithLog(logfile.Fixed(core.RuntimePath("sitecheck.log"))),
		core.Flags(func(app *kingpin.Application) { app.Flag("url", "What to ask for.").Required().StringVar(&s.url) }),
		core.StandardFlags(),
	}, extra...)...)
}

type site struct {
	client *http.Client
	url    string
	up     bool
}

func (s *site) check(ctx context.Context, d *core.Daemon) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, s.url, nil)
	if err != nil {
		return err
	}
	answer, err := s.client.Do(req)
	if err == nil {
		err = answer.Body.Close()
	}
	switch {
	case s.up && err != nil:
		d.Alertf("%s is away: %v", s.url, err)
	case !s.up && err == nil:
		d.Alertf("%s is back", s.url)
	}
	s.up = err == nil
	return nil
}
