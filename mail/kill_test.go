package mail_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/evertick/evertick/mail"
)

var kills = flag.Int("kills", 20, "how often TestQueueOutlivesSIGKILL kills, each with a seed of its own")

// mortal is a process that is killed at its nth access to disk or transport: from
// then on it does nothing.
type mortal struct {
	*post
	mu    sync.Mutex
	left  int
	locks []*os.File
}

var errKilled = errors.New("killed")

// alive counts an access, and reports whether the process still lives.
func (p *mortal) alive() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.left--; p.left == 0 {
		for _, lock := range p.locks {
			_ = lock.Close() // as the kernel does
		}
	}
	return p.left > 0
}

func (p *mortal) Folder(dir string) string { return dir }
func (p *mortal) BeforeLog()               {}

func (p *mortal) Locked(lock *os.File) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.locks = append(p.locks, lock)
}

func (p *mortal) Unlock(lock *os.File) { _ = lock.Close() }

func (p *mortal) Permit(string, int) error {
	if !p.alive() {
		return errKilled
	}
	return nil
}

// Send is killed before the server takes the mail, or after that.
func (p *mortal) Send(ctx context.Context, m mail.Message) error {
	if !p.alive() {
		<-ctx.Done()
		return errKilled
	}
	if err := p.post.Send(ctx, m); err != nil {
		return err
	}
	if !p.alive() {
		<-ctx.Done()
		return errKilled
	}
	return nil
}

// However often, and wherever between spool and server a process is killed, every
// alert that was on disk arrives. One arrives twice only where the process died
// after the server took it, and then with the same ID.
func TestQueueOutlivesSIGKILL(t *testing.T) {
	for seed := range *kills {
		bubble(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(uint64(seed), 13))
			var server post
			dir := t.TempDir() + "/spool"
			stored := map[string]bool{}
			deaths := 0
			for pid := range 4 {
				p := &mortal{post: &server, left: 1 + random.IntN(30)}
				if pid == 3 {
					p.left = 1 << 30
				}
				q := mail.NewQueue(mail.QueueConfig{Sender: p, Name: "poller", Host: "testhost", PID: pid, Dir: dir, Disk: p, To: []string{"ops@example.com"}})
				q.UseSpool()
				for n := range 3 {
					q.Alert(mail.Alert{Text: fmt.Sprintf("%d.%d", pid, n)})
					if random.IntN(2) == 0 {
						synctest.Wait()
					}
				}
				synctest.Wait()
				for _, id := range idsIn(t, dir) {
					stored[id] = true
				}
				if pid == 3 {
					time.Sleep(time.Minute)
				} else if p.left <= 0 {
					deaths++
				}
				end(q)
			}
			arrived := map[string]int{}
			for _, m := range server.mails() {
				arrived[m.ID]++
			}
			twice := 0
			for id := range stored {
				if arrived[id] == 0 {
					t.Errorf("seed %d: %s was on disk and did not arrive", seed, id)
				}
			}
			for _, n := range arrived {
				twice += n - 1
			}
			if twice > deaths {
				t.Errorf("seed %d: %d mails too many after %d deaths", seed, twice, deaths)
			}
			if n := len(idsIn(t, dir)); n > 0 {
				t.Errorf("seed %d: %d mails are left", seed, n)
			}
		})
	}
}
