package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/evertick/evertick/clockwork"
)

// site is a section of the file.
type site struct {
	URL       string        `ini:"url,required"`
	Slow      time.Duration // an answer that takes longer is slow
	Timeout   time.Duration // one that takes longer is none
	DownAfter int           `ini:"down-after"` // so many failures in a row are an outage
	Text      string        // what the answer must have in it
}

// Check is called by package ini.
func (s *site) Check() error {
	u, err := url.Parse(s.URL)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return errors.New("url is no address of a site: write one such as https://shop.example.com/health")
	case s.Slow <= 0 || s.Timeout <= 0:
		return errors.New("slow and timeout must be above 0")
	case s.Slow > s.Timeout:
		return fmt.Errorf("slow is %s, and timeout %s, so no answer could be slow: write a longer timeout", s.Slow, s.Timeout)
	case s.DownAfter < 1:
		return errors.New("down-after must be 1 or more")
	}
	return nil
}

// look is what one look at a site has found.
type look struct {
	took time.Duration
	err  error
}

// maxAnswer is how much of an answer is read.
const maxAnswer = 1 << 20

// look asks the site once.
func (s *site) look(ctx context.Context, client *http.Client, clock clockwork.Clock) look {
	ctx, cancel := clockwork.WithTimeout(ctx, clock, s.Timeout)
	defer cancel()
	start := clock.Now()
	err := s.ask(ctx, client)
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("no answer within %s", s.Timeout)
	}
	return look{clock.Now().Sub(start), err}
}

func (s *site) ask(ctx context.Context, client *http.Client) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL, nil)
	if err != nil {
		return err
	}
	req.Header.Set("User-Agent", "sitewatch")
	resp, err := client.Do(req)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err // without the URL, which the file has
		}
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	switch {
	case err != nil:
		return err
	case resp.StatusCode >= 400:
		return errors.New(resp.Status)
	case !bytes.Contains(body, []byte(s.Text)):
		return fmt.Errorf("the answer does not have %q in it", s.Text)
	}
	return nil
}
