package mail_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/evertick/evertick/mail"
)

// grouped returns a queue whose alerts are grouped, on a condition that the test
// changes.
func (p *post) grouped(dir string, pid int, c *atomic.Int64) *mail.Queue {
	return p.queue(dir, pid, func(config *mail.QueueConfig) {
		config.To = []string{"ops@example.com"}
		config.Describe = func() string { return "Host: testhost\n" }
		config.Lasts = func(string) mail.Condition { return mail.Condition(c.Load()) }
	})
}

// An hour of a kind, at any rate, is one mail at once and a digest every five
// minutes. Together they tell of every alert, in one thread.
func TestAFloodIsAMailAndTwelveDigests(t *testing.T) {
	t.Run("one a second, for an hour", func(t *testing.T) { aFlood(t, time.Second, time.Hour, 1+12) })
	t.Run("a thousand a second, for ten minutes", func(t *testing.T) { aFlood(t, time.Millisecond, 10*time.Minute, 1+2) })
}

func aFlood(t *testing.T, every, length time.Duration, want int) {
	bubble(t, func(t *testing.T) {
		var p post
		var c atomic.Int64
		q := p.grouped("", 1, &c)
		defer end(q)
		window := int(5 * time.Minute / every)
		for n := range int(length / every) {
			q.Alert(mail.Alert{Kind: "user %d", Text: fmt.Sprintf("user %d is stuck\ndetails", n)})
			if n == 0 {
				time.Sleep(every / 2) // no alert at the very end of a window
				continue
			}
			time.Sleep(every)
		}
		time.Sleep(every)
		synctest.Wait()
		mails := p.mails()
		same(t, "mails", len(mails), want)
		told := 0
		for i, m := range mails {
			told += max(m.Alerts, 1)
			if i > 0 && (len(m.References) != 1 || m.References[0] != mails[0].ID) {
				t.Errorf("mail %d is in the thread %q, want %q", i, m.References, mails[0].ID)
			}
		}
		waiting, _ := q.Waiting()
		same(t, "alerts told and waiting", told+waiting, int(length/every))
		same(t, "first subject", mails[0].Subject, "poller Alert: user 0 is stuck")
		same(t, "second subject", mails[1].Subject, fmt.Sprintf("poller Alert: %d more: user 0 is stuck", window))
		for _, text := range []string{
			fmt.Sprintf(`%d more alerts like "user 0 is stuck", from `, window), "user 1 is stuck | details",
			fmt.Sprintf("user %d is stuck", window), fmt.Sprintf("There were %d since", window+1), "in 5m0s", "Host: testhost",
		} {
			if !strings.Contains(mails[1].Body, text) {
				t.Errorf("the digest lacks %q:\n%s", text, mails[1].Body)
			}
		}
		time.Sleep(11 * time.Minute) // the kind is quiet, and forgotten
		q.Alert(mail.Alert{Kind: "user %d", Text: "user 7 is stuck"})
		synctest.Wait()
		mails = p.mails()
		same(t, "the next one", mails[len(mails)-1].Subject, "poller Alert: user 7 is stuck")
	})
}

// A condition that lasts is reminded of at growing intervals, and its end is told
// once, when nothing has come for a window.
func TestAConditionIsRemindedOfAndItsEndTold(t *testing.T) {
	for name, c := range map[string]struct {
		during mail.Condition
		each   time.Duration // of the alerts; 0: one alone
		mails  string
	}{
		"alerts each minute":        {mail.Unproven, time.Minute, "0 more@5m0s more@15m0s more@35m0s more@1h15m0s end"},
		"one alert, and it goes on": {mail.Ongoing, 0, "0 still@5m0s still@15m0s still@35m0s still@1h15m0s end"},
		"one alert, unproven":       {mail.Unproven, 0, "0"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var p post
				var now atomic.Int64
				now.Store(int64(c.during))
				q := p.grouped("", 1, &now)
				defer end(q)
				began := time.Now()
				for n := range 120 {
					if n == 0 || c.each > 0 {
						q.Alert(mail.Alert{Kind: "slow", Text: "the API is slow", Lasting: true})
					}
					time.Sleep(time.Minute - 100*time.Millisecond)
				}
				now.Store(int64(mail.Over))
				time.Sleep(20 * time.Minute)
				var got []string
				for _, m := range p.mails() {
					what := "0"
					at := m.Time.Sub(began).Round(time.Minute)
					switch {
					case strings.Contains(m.Subject, " more: "):
						what = fmt.Sprint("more@", at)
					case strings.Contains(m.Subject, "still: "):
						what = fmt.Sprint("still@", at)
					case strings.HasPrefix(m.Subject, "poller Resolved: the API is slow"):
						what = "end"
						if at < 119*time.Minute || at > 130*time.Minute || !strings.Contains(m.Body, "it lasted for ") {
							t.Errorf("the end is told at %s: %s", at, m.Body)
						}
					}
					got = append(got, what)
				}
				same(t, "mails", strings.Join(got, " "), c.mails)
			})
		})
	}
}

// The end of what came once is told only where that was asked for.
func TestTheEndOfWhatCameOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var p post
		var c atomic.Int64
		q := p.grouped("", 1, &c)
		defer end(q)
		q.Alert(mail.Alert{Kind: "slow", Text: "slow", Lasting: true})
		q.Alert(mail.Alert{Kind: "failed", Text: "failed", Lasting: true, End: "poller Restarted"})
		time.Sleep(time.Hour)
		same(t, "mails", p.subjects(), "[poller Alert: slow poller Alert: failed poller Restarted]")
	})
}

// Groups outlive the process: a daemon that fails again and again is one thread.
func TestGroupsOutliveTheProcess(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var p post
		var c atomic.Int64
		dir := t.TempDir() + "/spool"
		for n := range 100 {
			q := p.grouped(dir, n, &c)
			if n%2 == 0 { // else the alert comes before the spool is read
				synctest.Wait()
			}
			q.Alert(mail.Alert{Kind: "shutdown", Text: "Shutting Down: boom", Subject: "poller Shutdown"})
			time.Sleep(1100 * time.Millisecond) // the kinds are written once a second
			q.Close()
			synctest.Wait()
		}
		same(t, "mails", p.subjects(), "[poller Shutdown]")
		q := p.grouped(dir, 100, &c)
		defer end(q)
		time.Sleep(5 * time.Minute)
		same(t, "mails", p.subjects(), "[poller Shutdown poller Alert: 99 more: Shutting Down: boom]")
		same(t, "thread", p.mails()[1].References, []string{p.mails()[0].ID})
	})
}

// hungDisk answers nothing until it is freed.
type hungDisk struct{ free chan struct{} }

func (d hungDisk) Folder(dir string) string { <-d.free; return dir }
func (d hungDisk) Permit(string, int) error { return nil }
func (d hungDisk) Locked(*os.File)          {}
func (d hungDisk) Unlock(lock *os.File)     { _ = lock.Close() }
func (d hungDisk) BeforeLog()               {}

// An alert waits for what the process before has told, for a second at most, and for
// what it has found out by then: an end that waits for its mails, an exec, a folder
// that cannot be used, more alerts than can be kinds.
func TestAnAlertWaitsForTheKindsOfTheProcessBefore(t *testing.T) {
	flood := func(q *mail.Queue) {
		for range 200 {
			q.Alert(mail.Alert{Kind: "k", Text: "boom"})
		}
	}
	for name, c := range map[string]struct {
		hangs bool // the disk
		then  func(q *mail.Queue)
		after time.Duration
		mails string
	}{
		"at once":           {false, func(*mail.Queue) {}, 0, "[poller Alert: boom]"},
		"a flush":           {false, func(q *mail.Queue) { q.Flush(context.Background()) }, 0, "[poller Alert: boom]"},
		"a digest":          {true, (*mail.Queue).Digest, time.Second, "[poller Alert: boom]"},
		"a disk that hangs": {true, func(*mail.Queue) {}, time.Second, "[poller Alert: boom]"},
		"not so long":       {true, func(*mail.Queue) {}, 900 * time.Millisecond, "[]"},
		"a flood":           {true, flood, time.Second, "[poller Alert: boom]"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var p post
				var now atomic.Int64
				disk := hungDisk{make(chan struct{})}
				if !c.hangs {
					close(disk.free)
				}
				q := mail.NewQueue(mail.QueueConfig{
					Sender: &p, Name: "poller", Host: "testhost", PID: 1, Dir: t.TempDir() + "/spool", Disk: disk, Logf: p.logf,
					To: []string{"ops@example.com"}, Lasts: func(string) mail.Condition { return mail.Condition(now.Load()) },
				})
				q.UseSpool()
				q.Alert(mail.Alert{Kind: "k", Text: "boom"})
				waiting, _ := q.Waiting()
				same(t, "waiting", waiting, 1)
				c.then(q)
				time.Sleep(c.after)
				synctest.Wait()
				same(t, "mails", p.subjects(), c.mails)
				if c.hangs {
					close(disk.free)
				}
				end(q)
			})
		})
	}
}

// What waits for the kinds is handed over, and counted with what the spool has.
func TestWhatWaitsForTheKindsIsHandedOver(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var p post
		var c atomic.Int64
		dir := t.TempDir() + "/spool"
		zeroth := p.grouped(dir, 1, &c)
		zeroth.Alert(mail.Alert{Kind: "k", Text: "boom"})
		time.Sleep(2 * time.Second)
		end(zeroth)
		disk := hungDisk{make(chan struct{})}
		first := mail.NewQueue(mail.QueueConfig{Sender: &p, Name: "poller", Host: "testhost", PID: 2, Dir: dir, Disk: disk, To: []string{"ops@example.com"}})
		first.UseSpool()
		first.Alert(mail.Alert{Kind: "other", Text: "bang"})
		synctest.Wait()
		state := first.Freeze()
		first.Close()
		close(disk.free)
		synctest.Wait()
		second := p.grouped(dir, 2, &c)
		defer end(second)
		if err := second.Restore(state); err != nil {
			t.Fatal(err)
		}
		second.Resume()
		second.Alert(mail.Alert{Kind: "k", Text: "boom"})
		second.Alert(mail.Alert{Kind: "other", Text: "bang"})
		time.Sleep(4 * time.Minute)
		same(t, "mails", p.subjects(), "[poller Alert: boom poller Alert: bang]")
		time.Sleep(2 * time.Minute)
		same(t, "mails", p.subjects(), "[poller Alert: boom poller Alert: bang poller Alert: 1 more: boom poller Alert: 1 more: bang]")
	})
}

// They are handed over, too, with and without a spool.
func TestGroupsAreHandedOver(t *testing.T) {
	for _, spool := range []bool{false, true} {
		bubble(t, func(t *testing.T) {
			var p post
			var c atomic.Int64
			dir := ""
			if spool {
				dir = t.TempDir() + "/spool"
			}
			first := p.grouped(dir, 1, &c)
			for range 3 {
				first.Alert(mail.Alert{Kind: "k", Text: "boom"})
			}
			synctest.Wait()
			state := first.Freeze()
			first.Close()
			synctest.Wait()
			second := p.grouped(dir, 1, &c)
			defer end(second)
			if err := second.Restore(state); err != nil {
				t.Fatal(err)
			}
			second.Resume()
			second.Alert(mail.Alert{Kind: "k", Text: "boom"})
			time.Sleep(6 * time.Minute)
			same(t, "mails", p.subjects(), "[poller Alert: boom poller Alert: 3 more: boom]")
		})
	}
}

// What a kind has not told is told at an end that nothing is to follow.
func TestDigestTellsTheRest(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var p post
		var c atomic.Int64
		q := p.grouped("", 1, &c)
		defer end(q)
		for range 3 {
			q.Alert(mail.Alert{Kind: "a", Text: "boom"})
		}
		q.Alert(mail.Alert{Kind: "b", Text: "bang"})
		q.Alert(mail.Alert{Kind: "b", Text: "bang"})
		q.Digest()
		waiting, _ := q.Flush(t.Context())
		same(t, "waiting", waiting, 0)
		same(t, "mails", p.subjects(), "[poller Alert: boom poller Alert: bang poller Alert: 2 more: boom poller Alert: 1 more: bang]")
		for i, begin := range []string{`2 more alerts like "boom", from `, `1 more alert like "bang", from `} {
			if body := p.mails()[2+i].Body; !strings.HasPrefix(body, begin) {
				t.Errorf("the digest begins with %s", body)
			}
		}
	})
}

// Kinds without bound are one kind in the end, and take no memory without bound.
func TestKindsHaveABound(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var p post
		var c atomic.Int64
		q := p.grouped("", 1, &c)
		defer end(q)
		for n := range 1000 {
			q.Alert(mail.Alert{Kind: fmt.Sprint("kind ", n), Text: fmt.Sprint("boom ", n)})
		}
		time.Sleep(6 * time.Minute)
		told := 0
		for _, m := range p.mails() {
			told += max(m.Alerts, 1)
		}
		same(t, "alerts told", told, 1000)
		if n := len(p.mails()); n > 103 {
			t.Errorf("%d mails", n)
		}
	})
}

// A file of groups that makes no sense is kept aside; the mails are not lost.
func TestGroupsThatCannotBeRead(t *testing.T) {
	for _, text := range []string{"", "{", "null", "[null]", `[{"Kind":""}]`, `[{"Kind":"k","Pending":-1}]`, `[{"Kind":"k","Ends":"3000-01-01T00:00:00Z","Reminders":99}]`} {
		bubble(t, func(t *testing.T) {
			var p post
			var c atomic.Int64
			dir := t.TempDir() + "/spool"
			first := p.grouped(dir, 1, &c)
			p.fail(errAway)
			first.Put(named("1"))
			synctest.Wait()
			end(first)
			p.fail(nil)
			put(t, dir+"/groups", text)
			q := p.grouped(dir, 2, &c)
			defer end(q)
			q.Alert(mail.Alert{Kind: "k2", Text: "boom"})
			time.Sleep(24 * time.Hour)
			same(t, text, slices.Sorted(slices.Values(p.subjects())), "[1 poller Alert: boom]")
		})
	}
}
