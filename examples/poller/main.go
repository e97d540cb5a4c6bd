// Command poller is a daemon to copy: it asks a JSON API for exchange rates
// and keeps its latest answer in a file, which is whole at every instant.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
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

// declare is New on a network of the caller's choice, which a test has.
func declare(network http.RoundTripper, extra ...core.Option) *core.Daemon {
	p := poller{client: &http.Client{Transport: network, Timeout: 5 * time.Second}}
	return core.New("poller", append([]core.Option{
		core.Every(10 * time.Second),
		core.CheckEnvironment(p.check),
		core.Execute(p.poll),
		core.MaxConsecutiveFailures(10), // an API may be away for a while
		core.WithLock(lock.File(core.RuntimePath("poller.lock"))),
		core.WithLog(logfile.Fixed(core.RuntimePath("poller.log"))),
		core.Flags(p.flags),
		core.StandardFlags(),
	}, extra...)...)
}

type poller struct {
	client    *http.Client
	url, file string
}

func (p *poller) flags(app *kingpin.Application) {
	app.Flag("url", "What to ask.").Default("https://rates.example.com/latest").StringVar(&p.url)
	app.Flag("file", "Where the answer goes.").Default("rates.json").StringVar(&p.file)
}

// check refuses what is there and is no answer: a file that --file names by mistake
// would be overwritten.
func (p *poller) check(_ context.Context, d *core.Daemon) error {
	if u, err := url.Parse(p.url); err != nil || u.Host == "" {
		return fmt.Errorf("--url %q is no address: write one such as https://rates.example.com/latest", p.url)
	}
	path := d.Path(p.file)
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		_, err = os.ReadDir(filepath.Dir(path))
	}
	if err != nil {
		return fmt.Errorf("--file: %w", err)
	}
	if info == nil || info.Size() == 0 && info.Mode().IsRegular() {
		return nil
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("--file %s is no regular file: name one", p.file)
	}
	var answer struct{ Rates map[string]float64 }
	if text, err := os.ReadFile(path); err == nil && (json.Unmarshal(text, &answer) != nil || answer.Rates == nil) {
		return fmt.Errorf("--file %s holds no answer of the API: name another file, or remove it", p.file)
	}
	return nil
}

// maxAnswer is how many bytes an answer may have.
const maxAnswer = 1 << 20

// poll asks once. The answer goes into the file as it arrives, and counts when
// all of it has, and is right.
func (p *poller) poll(ctx context.Context, d *core.Daemon) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url, nil)
	if err != nil {
		return err
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", p.url, resp.Status)
	}
	var latest struct{ Rates map[string]float64 }
	err = replace(d.Path(p.file), func(next io.Writer) error {
		body, err := io.ReadAll(io.TeeReader(http.MaxBytesReader(nil, resp.Body, maxAnswer), next))
		if err != nil {
			return err
		}
		return json.Unmarshal(body, &latest)
	})
	if err != nil {
		return fmt.Errorf("GET %s: %w", p.url, err)
	}
	d.Logf("%d rates", len(latest.Rates))
	return nil
}
