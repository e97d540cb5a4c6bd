// Command sitewatch is a daemon to run: it watches the sites that a file names,
// several at once, and tells by mail or webhook when one goes down, is slow or flaps,
// and when it is well again. It is told of in the README.
package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/lock"
	"github.com/evertick/evertick/logfile"
	_ "github.com/evertick/evertick/mail/smtp"    // --alerts smtp://…
	_ "github.com/evertick/evertick/mail/webhook" // --alerts "smtp://… webhook+https://…"
	"github.com/evertick/evertick/plugin/ini"
)

func main() { New().Main() }

// New declares the daemon.
func New(extra ...core.Option) *core.Daemon { return declare(http.DefaultTransport, extra...) }

// declare is New on a network of the caller's choice, which a test has.
func declare(network http.RoundTripper, extra ...core.Option) *core.Daemon {
	w := watch{
		client: &http.Client{Transport: network},
		atOnce: ini.Key("watch.at-once", 8).Where(atLeastOne),
		sites:  ini.Sections("site", site{Slow: 2 * time.Second, Timeout: 8 * time.Second, DownAfter: 2}).Required(),
	}
	return core.New("sitewatch", append([]core.Option{
		core.Every(30 * time.Second),
		core.CheckEnvironment(w.check),
		core.Setup(w.load),
		core.Execute(w.round),
		core.WithLock(lock.File(core.RuntimePath("sitewatch.lock"))),
		core.WithLog(logfile.Fixed(core.RuntimePath("sitewatch.log"))),
		core.WithPlugins(ini.File("sitewatch.ini", w.atOnce, w.sites)),
		core.Flags(func(app *kingpin.Application) {
			app.Flag("state", "Where the states of the sites are kept.").Default("sitewatch.json").StringVar(&w.file)
		}),
		core.StandardFlags(),
		core.OnDump("Sites", w.table),
	}, extra...)...)
}

// watch is what the daemon knows of its sites.
type watch struct {
	client *http.Client
	atOnce *ini.Value[int]
	sites  *ini.Table[site]
	file   string

	mu     sync.Mutex // held for instants only
	states map[string]status
}

// round looks at all sites. What has changed is one alert, so that an outage of
// many sites is one mail. Its kind is the sites: what comes of them in the next
// minutes is one digest, and news of another site is told at once.
func (w *watch) round(ctx context.Context, d *core.Daemon) error {
	sites := w.sites.Rows()
	looks := make([]look, len(sites))
	slots := make(chan struct{}, w.atOnce.Get())
	var all sync.WaitGroup
	for i, s := range sites {
		slots <- struct{}{}
		all.Go(func() {
			looks[i] = s.Value.look(ctx, w.client, d.Clock())
			<-slots
		})
	}
	all.Wait()
	if ctx.Err() != nil { // what was broken off says nothing of the sites
		return context.Cause(ctx)
	}
	if names, news := w.judge(d.Clock().Wall(), sites, looks); len(news) > 0 {
		d.AlertAs(names, "%s", strings.Join(news, "\n"))
	}
	if err := w.save(d.Path(w.file)); err != nil {
		d.Alertf("the states of the sites are not kept over a restart: %v", err)
	}
	return nil
}

// judge updates the states, and returns what is worth an alert, and of which sites.
func (w *watch) judge(now time.Time, sites []ini.Row[site], looks []look) (names string, news []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	states := make(map[string]status, len(sites)) // without those that are watched no more
	for i, s := range sites {
		next, text := w.states[s.Name].after(looks[i], s.Value, now)
		states[s.Name] = next
		if text != "" {
			names += s.Name + " "
			news = append(news, s.Name+" "+text)
		}
	}
	w.states = states
	return names, news
}

func atLeastOne(n int) error {
	if n < 1 {
		return fmt.Errorf("write 1 or more")
	}
	return nil
}
