// Command longpoll is a daemon to copy: it follows an HTTP API that answers when
// there is news, and appends each event to a file, once, over stops, restarts and
// SIGKILL.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/lock"
	"github.com/evertick/evertick/logfile"
)

func main() { New().Main() }

// New declares the daemon.
func New(extra ...core.Option) *core.Daemon { return declare(http.DefaultTransport, extra...) }

// declare is New on a network of the caller's choice, which a test has.
func declare(network http.RoundTripper, extra ...core.Option) *core.Daemon {
	f := follower{client: &http.Client{Transport: network}}
	return core.New("longpoll", append([]core.Option{
		core.Every(0),                   // the API says when
		core.CancelOnStop(),             // a stop waits for no news
		core.MaxConsecutiveFailures(10), // an API may be away for a while
		core.Setup(f.open),
		core.Execute(f.follow),
		core.Teardown(f.close),
		core.WithLock(lock.File(core.RuntimePath("longpoll.lock"))),
		core.CheckEnvironment(f.check),
		core.WithLog(logfile.Fixed(core.RuntimePath("longpoll.log"))),
		core.Flags(f.flags),
		core.StandardFlags("lock", "log", "alerts", "to"),
		core.OnDump("Token", func(*core.Daemon) string { return f.journal.latest() }),
	}, extra...)...)
}

type follower struct {
	client    *http.Client
	url, file string
	journal   journal
}

func (f *follower) flags(app *kingpin.Application) {
	app.Flag("url", "The API; ?after=TOKEN is added.").Default("https://api.example.com/events").StringVar(&f.url)
	app.Flag("file", "Where the events go, one a line.").Default("events.jsonl").StringVar(&f.file)
}

func (f *follower) check(context.Context, *core.Daemon) error {
	if u, err := url.Parse(f.url); err != nil || u.Host == "" {
		return fmt.Errorf("--url %q is no address: write one such as https://api.example.com/events", f.url)
	}
	return nil
}

func (f *follower) open(_ context.Context, d *core.Daemon) error {
	return f.journal.open(d.Path(f.file))
}

func (f *follower) close(context.Context, *core.Daemon) error { return f.journal.file.Close() }

const (
	// longest is how long the API may take: longer than it waits for news.
	longest = time.Minute

	// pause is how long to wait after a failure.
	pause = 5 * time.Second

	// maxAnswer is how many bytes an answer may have.
	maxAnswer = 1 << 20
)

// follow asks once. An answer without news is no failure.
func (f *follower) follow(ctx context.Context, d *core.Daemon) error {
	events, err := f.ask(ctx, d)
	if err == nil {
		err = f.journal.add(events)
	}
	if err != nil {
		return errors.Join(err, d.Sleep(ctx, pause))
	}
	if len(events) > 0 {
		d.Logf("%d events, the last one %s", len(events), f.journal.latest())
	}
	return nil
}

func (f *follower) ask(ctx context.Context, d *core.Daemon) ([]event, error) {
	ctx, cancel := clockwork.WithTimeout(ctx, d.Clock(), longest)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.url+"?after="+url.QueryEscape(f.journal.latest()), nil)
	if err != nil {
		return nil, err
	}
	resp, err := f.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("GET %s: %s", f.url, resp.Status)
	}
	var events []event
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(&events); err != nil {
		return nil, fmt.Errorf("GET %s: %w", f.url, err)
	}
	for _, e := range events {
		if e.Token == "" {
			return nil, fmt.Errorf("GET %s: an event has no token", f.url)
		}
	}
	return events, nil
}
