package mail_test

import (
	"context"
	"errors"
	"fmt"
	"net/textproto"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/mail"
)

// post is a transport that a test scripts, and the log of the queue.
type post struct {
	mu     sync.Mutex
	err    func(m mail.Message) error // nil: it takes everything
	takes  time.Duration
	got    []mail.Message
	tries  int
	logged []string
}

func (p *post) Check() error   { return nil }
func (p *post) String() string { return "a post" }

func (p *post) Send(ctx context.Context, m mail.Message) error {
	p.mu.Lock()
	takes := p.takes
	p.mu.Unlock()
	if takes > 0 {
		if err := clockwork.Sleep(ctx, clockwork.Real(), takes); err != nil {
			return err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tries++
	var refused *mail.RefusedError
	if p.err != nil {
		err := p.err(m)
		if !errors.As(err, &refused) || len(refused.Refusals) == len(m.To) {
			if err != nil {
				return err
			}
		} else {
			p.got = append(p.got, m)
			return err
		}
	}
	p.got = append(p.got, m)
	return nil
}

func (p *post) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err = func(mail.Message) error { return err }
	if err == nil {
		p.err = nil
	}
}

func (p *post) logf(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.logged = append(p.logged, fmt.Sprintf(format, args...))
}

// mails are those that have arrived.
func (p *post) mails() []mail.Message {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.got)
}

// tried returns how many attempts were made.
func (p *post) tried() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.tries
}

// subjects are those of the mails that have arrived.
func (p *post) subjects() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []string
	for _, m := range p.got {
		all = append(all, m.Subject)
	}
	return all
}

func (p *post) says(t *testing.T, texts ...string) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, text := range texts {
		if !slices.ContainsFunc(p.logged, func(line string) bool { return strings.Contains(line, text) }) {
			t.Errorf("nothing logged has %q:\n%s", text, strings.Join(p.logged, "\n"))
		}
	}
}

// lines returns how many logged lines have a text.
func (p *post) lines(text string) (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, line := range p.logged {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}

// queue returns a queue on the post, with a spool where dir is not empty.
func (p *post) queue(dir string, pid int, change ...func(*mail.QueueConfig)) *mail.Queue {
	c := mail.QueueConfig{Sender: p, Name: "poller", Host: "testhost", PID: pid, Dir: dir, Logf: p.logf}
	for _, f := range change {
		f(&c)
	}
	q := mail.NewQueue(c)
	q.UseSpool()
	return q
}

// end closes a queue and waits until it leaves the disk alone.
func end(q *mail.Queue) {
	q.Close()
	synctest.Wait()
}

func named(subject string) mail.Message {
	return mail.Message{To: []string{"ops@example.com"}, Subject: subject, Body: "slow " + subject}
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// bubble runs a test in a bubble, where time takes none.
func bubble(t *testing.T, test func(t *testing.T)) { synctest.Test(t, test) }

var errAway = errors.New("connection refused")

// An hour without a mail server loses no mail, and sends none twice; each is logged
// once.
func TestQueueOutlivesAnOutage(t *testing.T) {
	for _, spool := range []bool{false, true} {
		t.Run(fmt.Sprint("spool ", spool), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var p post
				dir := ""
				if spool {
					dir = t.TempDir() + "/spool"
				}
				q := p.queue(dir, 1)
				defer end(q)
				q.Put(named("0"))
				synctest.Wait()
				p.fail(errAway)
				for n := range 3 {
					q.Put(named(fmt.Sprint(n + 1)))
					time.Sleep(20 * time.Minute)
				}
				same(t, "meanwhile", p.subjects(), "[0]")
				if p.tried() > 40 {
					t.Errorf("%d tries in an hour", p.tried())
				}
				p.fail(nil)
				time.Sleep(6 * time.Minute)
				same(t, "after", slices.Sorted(slices.Values(p.subjects())), "[0 1 2 3]")
				p.says(t, `alert mail "1" to [ops@example.com] was not delivered: connection refused`, "Alert mail is delivered again, after 1h")
				same(t, "lines", p.lines(""), 4)
				waiting, _ := q.Waiting()
				same(t, "waiting", waiting, 0)
			})
		})
	}
}

// That nothing could be delivered for a while is told by a mail when it can, with how
// long and how many; a short while is not.
func TestAnOutageIsTold(t *testing.T) {
	for lasts, mails := range map[time.Duration]int{time.Hour: 4, time.Minute: 3} {
		bubble(t, func(t *testing.T) {
			var p post
			q := p.queue("", 1, func(c *mail.QueueConfig) {
				c.To, c.Describe = []string{"night@example.com"}, func() string { return "Host: web1\n" }
			})
			defer end(q)
			p.fail(errAway)
			for n := range 3 {
				q.Put(named(fmt.Sprint(n)))
			}
			time.Sleep(lasts - time.Second)
			s := q.Status()
			same(t, "waiting", s.Waiting, 3)
			same(t, "problem", s.Problem, "connection refused")
			if s.Away < lasts-2*time.Second || s.Next <= 0 || s.Next > 6*time.Minute || s.Oldest.IsZero() {
				t.Errorf("status %+v", s)
			}
			p.fail(nil)
			time.Sleep(10 * time.Minute)
			got := p.mails()
			same(t, "mails", len(got), mails)
			if s := q.Status(); s != (mail.Status{}) {
				t.Errorf("status %+v", s)
			}
			if mails < 4 {
				return
			}
			told := got[slices.IndexFunc(got, func(m mail.Message) bool { return strings.Contains(m.Subject, "Alert: mail was away for 1h") })]
			same(t, "recipients", told.To, "[night@example.com]")
			for _, want := range []string{"No alert mail could be delivered for 1h", "2 alerts waited besides the first one. The last failure: connection refused\n", "\n\nHost: web1\n"} {
				if !strings.Contains(told.Body, want) {
					t.Errorf("%q is not in %s", want, told.Body)
				}
			}
		})
	}
}

// What is in the spool is delivered by the next process, with the same ID.
func TestSpoolOutlivesTheProcess(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var p post
		dir := t.TempDir() + "/spool"
		p.fail(errAway)
		first := p.queue(dir, 1)
		first.Put(named("1"))
		first.Put(named("2"))
		synctest.Wait()
		waiting, stored := first.Waiting()
		same(t, "waiting and stored", []int{waiting, stored}, []int{2, 2})
		ids := idsIn(t, dir)
		first.Close()
		synctest.Wait()

		p.fail(nil)
		second := p.queue(dir, 2)
		synctest.Wait()
		same(t, "mails", p.subjects(), "[1 2]")
		same(t, "IDs", []string{p.mails()[0].ID, p.mails()[1].ID}, ids)
		same(t, "what is left", len(idsIn(t, dir)), 0)
		end(second)
	})
}

// A spool that another process uses is left to it; the mail is sent all the same.
func TestSpoolIsOfOneProcess(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var p, other post
		dir := t.TempDir() + "/spool"
		p.fail(errAway)
		first := p.queue(dir, 1)
		first.Put(named("1"))
		synctest.Wait()
		second := other.queue(dir, 2)
		defer end(second)
		second.Put(named("2"))
		synctest.Wait()
		same(t, "the second one's mails", other.subjects(), "[2]")
		other.says(t, "another process uses it. Alert mail waits in memory")
		first.Close()
		time.Sleep(2 * time.Minute)
		same(t, "then", other.subjects(), "[2 1]")
		other.says(t, "can be used again", "Alert mail is delivered again, after ") // it had waited for the first one
		same(t, "lines", other.lines(""), 3)
	})
}

// A mail that is too old is logged in full.
func TestQueueGivesUpWhatIsTooOld(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var p post
		dir := t.TempDir() + "/spool"
		p.fail(errAway)
		q := p.queue(dir, 1)
		defer end(q)
		q.Put(named("old"))
		time.Sleep(23 * time.Hour)
		same(t, "given up after 23 h", p.lines("is given up"), 0)
		time.Sleep(70 * time.Minute)
		p.says(t, "is given up after", "connection refused\nslow old")
		waiting, _ := q.Waiting()
		same(t, "waiting and files", []int{waiting, len(idsIn(t, dir))}, []int{0, 0})
	})
}

// One recipient who is refused does not cost the others theirs, and nobody gets
// the mail twice.
func TestQueueTriesOnlyThoseAgainWhoGotNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var p post
		dir := t.TempDir() + "/spool"
		m := named("1")
		m.To = []string{"a@x.example", "later@x.example", "never@x.example"}
		p.err = func(m mail.Message) error {
			var refused []mail.Refusal
			for _, to := range m.To {
				if code := map[string]int{"later@x.example": 450, "never@x.example": 550}[to]; code != 0 {
					refused = append(refused, mail.Refusal{To: to, Err: &textproto.Error{Code: code, Msg: "no"}})
				}
			}
			return &mail.RefusedError{Refusals: refused}
		}
		first := p.queue(dir, 1)
		first.Put(m)
		synctest.Wait()
		p.says(t, "reached only some")
		first.Close()
		synctest.Wait()

		p.fail(nil)
		second := p.queue(dir, 2)
		defer end(second)
		synctest.Wait()
		same(t, "mails", len(p.mails()), 2)
		same(t, "recipients of the second attempt", p.mails()[1].To, "[later@x.example]")
	})
}

// A mail that nobody may get is tried again, but seldom: a person must act.
func TestQueueKeepsWhatIsRefusedForGood(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var p post
		q := p.queue("", 1)
		defer end(q)
		p.fail(&textproto.Error{Code: 535, Msg: "wrong password"})
		q.Put(named("1"))
		time.Sleep(150 * time.Minute)
		same(t, "tries", p.tried(), 3)
		p.fail(nil)
		time.Sleep(time.Hour)
		same(t, "mails", p.subjects(), "[1]")
	})
}

// Beyond its bounds the queue counts the oldest mails in a digest.
func TestQueueHasBounds(t *testing.T) {
	for name, change := range map[string]func(*mail.QueueConfig){
		"mails": func(c *mail.QueueConfig) { c.MaxMails = 4 },
		"bytes": func(c *mail.QueueConfig) { c.MaxBytes = 4 * 540 },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var p post
				p.fail(errAway)
				dir := t.TempDir() + "/spool"
				q := p.queue(dir, 1, change)
				defer end(q)
				for n := range 10 {
					q.Put(named(fmt.Sprint(n)))
					time.Sleep(10 * time.Second)
				}
				if n := len(idsIn(t, dir)); n > 4 {
					t.Errorf("%d mails wait", n)
				}
				waiting, stored := q.Waiting()
				same(t, "alerts that wait", []int{waiting, stored}, []int{10, 10})
				p.fail(nil)
				time.Sleep(6 * time.Minute)
				told := 0
				var digest string
				for _, m := range p.mails() {
					told += max(m.Alerts, 1)
					if m.Alerts > 1 {
						digest = m.Body
					}
				}
				same(t, "alerts told", told, 10)
				for _, text := range []string{"mails waited for too long", "  0\n", "  1\n", "  2\n"} {
					if !strings.Contains(digest, text) {
						t.Errorf("the digest lacks %q: %s", text, digest)
					}
				}
				p.says(t, "which is too many")
			})
		})
	}
}

// What a program hands over is delivered by the next one, once, with or without a
// spool; a failed exec loses nothing.
func TestQueueIsHandedOver(t *testing.T) {
	for _, spool := range []bool{false, true} {
		t.Run(fmt.Sprint("spool ", spool), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var p post
				dir := ""
				if spool {
					dir = t.TempDir() + "/spool"
				}
				p.takes = 5 * time.Second
				first := p.queue(dir, 1)
				first.Put(named("1"))
				first.Put(named("2"))
				time.Sleep(time.Second)
				_ = first.Freeze()
				first.Resume()
				time.Sleep(5 * time.Second)
				same(t, "after an exec that failed", p.subjects(), "[1]")
				state := first.Freeze()
				first.Close()
				synctest.Wait()

				second := p.queue(dir, 1)
				defer end(second)
				if err := second.Restore(state); err != nil {
					t.Fatal(err)
				}
				second.Resume()
				time.Sleep(time.Minute)
				same(t, "in the end", p.subjects(), "[1 2]")
				if second.Restore([]byte("{")) == nil {
					t.Error("half a state is restored")
				}
			})
		})
	}
}

// Flush waits for what was not tried yet, not for a server that is known to be away.
func TestFlushWaitsForTheFirstTry(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var p post
		q := p.queue(t.TempDir()+"/spool", 1)
		defer end(q)
		p.takes = 3 * time.Second
		q.Put(named("1"))
		began := time.Now()
		waiting, _ := q.Flush(t.Context())
		same(t, "waiting, after", []any{waiting, time.Since(began)}, []any{0, 3 * time.Second})
		p.fail(errAway)
		q.Put(named("2"))
		q.Put(named("3"))
		waiting, stored := q.Flush(t.Context())
		same(t, "waiting, stored, after", []any{waiting, stored, time.Since(began)}, []any{2, 2, 6 * time.Second})
		waiting, _ = q.Flush(t.Context()) // the other one has not been tried yet, but the server is away
		same(t, "waiting, after", []any{waiting, time.Since(began)}, []any{2, 6 * time.Second})
		lines, tried := p.lines(""), p.tried()
		time.Sleep(10 * time.Second) // what is under way fails after the last line of a log
		same(t, "lines, tries", []any{p.lines(""), p.tried()}, []any{lines, tried + 1})
	})
}

// A sender that panics costs nothing but an attempt.
func TestQueueOutlivesAPanic(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var p post
		q := p.queue("", 1)
		defer end(q)
		p.err = func(mail.Message) error { panic("argh") }
		q.Put(named("1"))
		synctest.Wait()
		p.says(t, "was not delivered: panic: argh")
		p.fail(nil)
		time.Sleep(time.Minute)
		same(t, "mails", p.subjects(), "[1]")
	})
}
