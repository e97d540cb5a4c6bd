package mail_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/evertick/evertick/mail"
	"github.com/evertick/evertick/mail/mailtest"
)

func TestTeeKeepsThePromises(t *testing.T) {
	mailtest.Run(t, mailtest.Subject{
		New: func(*testing.T) (mail.Sender, func() []mail.Message) {
			var p, other paper
			return mail.Tee(mail.Writer(&p), mail.Writer(&other)), p.read
		},
		In: synctest.Test,
	})
}

// Each road has each mail; what fails is named, and the others have taken it.
func TestTeeSendsByAllRoads(t *testing.T) {
	var good, bad post
	bad.fail(errAway)
	sender := mail.Tee(&bad, &good)
	err := sender.Send(t.Context(), alert)
	if err == nil || err.Error() != "a post: connection refused" || !mail.Temporary(err) || len(good.mails()) != 1 {
		t.Errorf("Send = %v, %d mails", err, len(good.mails()))
	}
	good.fail(errAway)
	if err := sender.Send(t.Context(), alert); err == nil || err.Error() != "a post: connection refused; a post: connection refused" {
		t.Errorf("none works: Send = %v", err)
	}
	bad.fail(nil)
	good.fail(nil)
	if err := sender.Send(t.Context(), alert); err != nil {
		t.Errorf("all work: Send = %v", err)
	}
	if name := sender.String(); name != "a post and a post" {
		t.Errorf("String = %q", name)
	}
	if roads := mail.Roads(mail.Tee(&bad, mail.Tee(&good))); len(roads) != 2 || roads[0] != mail.Sender(&bad) || roads[1] != mail.Sender(&good) {
		t.Errorf("Roads = %v", roads)
	}
	if err := mail.Tee().Check(); err == nil || !strings.Contains(err.Error(), "give at least one") {
		t.Errorf("Check of none = %v", err)
	}
}

// namedPost is a road with a name.
type namedPost struct {
	post
	name string
}

func (p *namedPost) String() string { return p.name }

// both returns a queue by two roads.
func both(a, b *namedPost, dir string, pid int) *mail.Queue {
	return a.queue(dir, pid, func(c *mail.QueueConfig) {
		c.Sender = mail.Tee(a, b)
		c.To = []string{"ops@example.com"}
	})
}

// A road that is out of order is logged and tried again, over processes, and the other
// one has each mail once and at once. What waits is counted once.
func TestEachRoadOfAQueueHasEachMailOnce(t *testing.T) {
	for name, spool := range map[string]bool{"in memory": false, "with a spool": true} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				a, b := &namedPost{name: "a"}, &namedPost{name: "b"}
				dir := ""
				if spool {
					dir = t.TempDir() + "/spool"
				}
				b.fail(errAway)
				q := both(a, b, dir, 1)
				q.Alert(mail.Alert{Text: "1"})
				time.Sleep(time.Minute)
				q.Alert(mail.Alert{Text: "2"})
				time.Sleep(time.Minute)
				same(t, "by a", a.subjects(), "[poller Alert: 1 poller Alert: 2]")
				same(t, "by b", b.subjects(), "[]")
				waiting, stored := q.Waiting()
				same(t, "waiting", waiting, 2)
				same(t, "stored", stored > 0, spool)
				a.says(t, "was not delivered by b: connection refused. It is tried again for 24h0m0s")
				same(t, "away", q.Status().Away, 2*time.Minute)
				if spool {
					end(q) // as by SIGKILL
					q = both(a, b, dir, 2)
				} else {
					state := q.Freeze()
					end(q)
					q = both(a, b, dir, 1)
					if err := q.Restore(state); err != nil {
						t.Fatal(err)
					}
					q.Resume()
				}
				defer end(q)
				time.Sleep(time.Minute)
				b.fail(nil)
				time.Sleep(6 * time.Minute)
				same(t, "by a", a.subjects(), "[poller Alert: 1 poller Alert: 2]")
				same(t, "by b", slices.Sorted(slices.Values(b.subjects())), "[poller Alert: 1 poller Alert: 2]")
				for _, m := range b.mails() {
					same(t, "the same mail", slices.ContainsFunc(a.mails(), func(other mail.Message) bool { return other.ID == m.ID }), true)
				}
				a.says(t, "Alert mail is delivered again by b, after ")
				waiting, _ = q.Waiting()
				same(t, "waiting", waiting, 0)
			})
		})
	}
}

// One road that hangs holds up neither the other nor an end that waits for it.
func TestARoadThatHangsHoldsUpNoOther(t *testing.T) {
	bubble(t, func(t *testing.T) {
		a, b := &namedPost{name: "a"}, &namedPost{name: "b"}
		a.takes = time.Hour
		q := both(a, b, "", 1)
		defer end(q)
		for n := range 3 {
			q.Alert(mail.Alert{Text: fmt.Sprint(n)})
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		waiting, _ := q.Flush(ctx)
		same(t, "by b", b.subjects(), "[poller Alert: 0 poller Alert: 1 poller Alert: 2]")
		same(t, "waiting", waiting, 3)
	})
}

// What waits for a road finds it under its name, wherever it stands, and another one
// where it is gone.
func TestWhatWaitsFindsItsRoad(t *testing.T) {
	for name, c := range map[string]struct {
		roads   func(a, b *namedPost) mail.Sender
		a, b, c string
	}{
		"the other way round":  {func(a, b *namedPost) mail.Sender { return mail.Tee(b, a) }, "[1]", "[1]", "[]"},
		"another in its place": {func(a, _ *namedPost) mail.Sender { return mail.Tee(a, &namedPost{name: "c"}) }, "[1]", "[]", "[1]"},
		"alone":                {func(_, b *namedPost) mail.Sender { return b }, "[1]", "[1]", "[]"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				a, b := &namedPost{name: "a"}, &namedPost{name: "b"}
				dir := t.TempDir() + "/spool"
				b.fail(errAway)
				q := both(a, b, dir, 1)
				q.Put(named("1"))
				time.Sleep(2 * time.Second)
				end(q)
				b.fail(nil)
				sender := c.roads(a, b)
				q = a.queue(dir, 2, func(config *mail.QueueConfig) { config.Sender = sender })
				defer end(q)
				time.Sleep(time.Minute)
				same(t, "a", a.subjects(), c.a)
				same(t, "b", b.subjects(), c.b)
				for _, one := range mail.Roads(sender) {
					if p := one.(*namedPost); p.name == "c" {
						same(t, "c", p.subjects(), c.c)
					}
				}
				same(t, "files", len(idsIn(t, dir)), 0)
			})
		})
	}
}

// An outage is as long as it is, however often the daemon starts in it, and its end is
// mailed once.
func TestAnOutageOutlivesTheProcess(t *testing.T) {
	for name, exec := range map[string]bool{"crash": false, "exec": true} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var p post
				dir := t.TempDir() + "/spool"
				change := func(c *mail.QueueConfig) { c.To = []string{"ops@example.com"} }
				p.fail(errAway)
				q := p.queue(dir, 0, change)
				q.Alert(mail.Alert{Text: "0"})
				synctest.Wait()
				began := time.Now()
				for n := range 10 {
					time.Sleep(time.Minute)
					var state []byte
					if exec {
						state = q.Freeze()
					}
					end(q)
					q = p.queue(dir, n+1, change)
					if err := q.Restore(state); err != nil {
						t.Fatal(err)
					}
					q.Resume()
					q.Alert(mail.Alert{Text: fmt.Sprint(n + 1)})
				}
				defer func() { end(q) }()
				time.Sleep(time.Minute)
				p.fail(nil)
				time.Sleep(10 * time.Minute)
				mails := p.mails()
				same(t, "mails", len(mails), 12)
				last := mails[len(mails)-1]
				lasted := last.Time.Sub(began).Round(time.Second)
				same(t, "the last", last.Subject, fmt.Sprintf("poller Alert: mail was away for %s", lasted))
				same(t, "that is long", lasted >= 11*time.Minute, true)
				p.says(t, "Alert mail is delivered again, after 11m1")
				p.fail(errAway) // what comes next is another outage
				q.Alert(mail.Alert{Text: "next"})
				time.Sleep(time.Minute)
				same(t, "away", q.Status().Away.Round(time.Minute), time.Minute)
			})
		})
	}
}
