package mail_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/evertick/evertick/mail"
)

// idsIn returns the IDs of the mails that a folder holds, by their names.
func idsIn(t *testing.T, dir string) (ids []string) {
	t.Helper()
	files, err := filepath.Glob(dir + "/*.mail")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		ids = append(ids, strings.TrimSuffix(filepath.Base(f), ".mail")+"@testhost")
	}
	return ids
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

const aMail = `{"ID":"%s@testhost","To":["ops@example.com"],"Subject":"%[1]s","Body":"slow","Time":"2000-01-01T00:00:00Z"}`

// What is no mail in a spool is kept aside, and the mails are delivered.
func TestSpoolKeepsGarbageAside(t *testing.T) {
	bubble(t, func(t *testing.T) {
		dir := t.TempDir()
		if err := os.Chmod(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		put(t, dir+"/good.mail", fmt.Sprintf(aMail, "good"))
		put(t, dir+"/whole.mail.new", fmt.Sprintf(aMail, "whole"))
		garbage := map[string]string{
			"half.mail.new":  `{"ID":"half@testhost","To":["ops@exa`,
			"empty.mail":     "",
			"binary.mail":    "\x00\xff\xfe",
			"noid.mail":      `{"To":["ops@example.com"]}`,
			"noone.mail":     `{"ID":"noone@testhost"}`,
			"other.mail":     fmt.Sprintf(aMail, "good"),
			"path.mail":      `{"ID":"../../x@testhost","To":["ops@example.com"]}`,
			"header.mail":    `{"ID":"x\r\nBcc: y@testhost","To":["ops@example.com"]}`,
			"negative.mail":  `{"ID":"negative@testhost","To":["ops@example.com"],"Dropped":-1}`,
			"large.mail":     strings.Repeat("x", 2<<20),
			"odd\nname.mail": "x",
		}
		for name, text := range garbage {
			put(t, filepath.Join(dir, name), text)
		}
		if err := os.Mkdir(dir+"/folder.mail", 0o700); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Mkfifo(dir+"/fifo.mail", 0o600); err != nil {
			t.Fatal(err)
		}
		put(t, dir+"/notes.txt", "mine")

		var p post
		q := p.queue(dir, 1)
		defer end(q)
		synctest.Wait()
		same(t, "mails", p.subjects(), "[good whole]")
		p.says(t, "holds 1 files that are none of its own")
		same(t, "lines of garbage", p.lines("holds no alert mail"), len(garbage)+2)
		for _, name := range []string{"half.mail.new", "empty.mail", "folder.mail", "fifo.mail", "large.mail"} {
			if _, err := os.Lstat(filepath.Join(dir, name+".bad")); err != nil {
				t.Error(err)
			}
		}
		if text, err := os.ReadFile(dir + "/notes.txt"); string(text) != "mine" {
			t.Errorf("notes.txt: %q, %v", text, err)
		}
		for _, line := range p.logged {
			if strings.Contains(line, "\n") {
				t.Errorf("a name forges a line: %q", line)
			}
		}
	})
}

// A folder that cannot be used is told once, and nothing is lost by it.
func TestSpoolThatCannotBeUsed(t *testing.T) {
	for name, make := range map[string]func(t *testing.T, dir string) (says string){
		"no folder above": func(_ *testing.T, dir string) string {
			_ = os.Remove(filepath.Dir(dir))
			return "no such file or directory"
		},
		"a file in its place": func(t *testing.T, dir string) string {
			put(t, dir, "x")
			return "it is no folder"
		},
		"others may write": func(t *testing.T, dir string) string {
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(dir, 0o777); err != nil {
				t.Fatal(err)
			}
			return "others may write to it"
		},
		"a link to such a folder": func(t *testing.T, dir string) string {
			other := t.TempDir()
			if err := os.Chmod(other, 0o777); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(other, dir); err != nil {
				t.Fatal(err)
			}
			return "others may write to it"
		},
		"another user's": func(t *testing.T, dir string) string {
			if os.Geteuid() != 0 {
				return ""
			}
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.Chown(dir, 12345, -1); err != nil {
				t.Fatal(err)
			}
			return "it belongs to user 12345"
		},
		"a folder in the place of the lock": func(t *testing.T, dir string) string {
			if err := os.MkdirAll(dir+"/lock", 0o700); err != nil {
				t.Fatal(err)
			}
			return "is a directory"
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				dir := t.TempDir() + "/above/spool"
				if err := os.Mkdir(filepath.Dir(dir), 0o700); err != nil {
					t.Fatal(err)
				}
				says := make(t, dir)
				if says == "" {
					return // needs root
				}
				var p post
				q := p.queue(dir, 1)
				defer end(q)
				if err := q.Check(); name != "a folder in the place of the lock" && (err == nil || !strings.Contains(err.Error(), "the alert spool "+dir+" cannot be used: ") || !strings.Contains(err.Error(), says)) {
					t.Errorf("Check = %v", err)
				}
				q.Put(named("1"))
				time.Sleep(10 * time.Minute)
				same(t, "mails", p.subjects(), "[1]")
				p.says(t, "Warning: the alert spool "+dir+" cannot be used: ", says)
				same(t, "lines", p.lines(""), 1)
			})
		})
	}
}

// fullDisk is a disk that has no room for a while.
type fullDisk struct {
	room  atomic.Bool
	locks atomic.Int64
}

func (d *fullDisk) Folder(dir string) string { return dir }
func (d *fullDisk) Locked(*os.File)          { d.locks.Add(1) }
func (d *fullDisk) Unlock(lock *os.File)     { _ = lock.Close() }
func (d *fullDisk) BeforeLog()               {}
func (d *fullDisk) Permit(_ string, n int) error {
	if n > 0 && !d.room.Load() {
		return syscall.ENOSPC
	}
	return nil
}

// While the disk is full mail waits in memory, and is stored when there is room.
func TestSpoolOnAFullDisk(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var p post
		dir, disk := t.TempDir()+"/spool", new(fullDisk)
		q := p.queue(dir, 1, func(c *mail.QueueConfig) { c.Disk = disk })
		defer end(q)
		p.fail(errAway)
		q.Put(named("1"))
		q.Put(named("2"))
		synctest.Wait()
		p.says(t, "no space left on device. Alert mail waits in memory")
		_, stored := q.Waiting()
		same(t, "stored", stored, 0)
		time.Sleep(10 * time.Minute) // the looks are a minute apart by now
		same(t, "the spool", q.Status().SpoolProblem, "no space left on device")
		disk.room.Store(true)
		q.Put(named("3")) // but this one is looked at
		time.Sleep(1001 * time.Millisecond)
		_, stored = q.Waiting()
		same(t, "stored with room", stored, 3)
		same(t, "the spool", q.Status().SpoolProblem, "")
		p.says(t, "can be used again")
		same(t, "lines on the spool", p.lines("alert spool"), 2)
		same(t, "locks", disk.locks.Load(), 1)
	})
}

// Without mail nothing is made.
func TestSpoolIsMadeForTheFirstMail(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var p post
		dir := t.TempDir() + "/spool"
		q := p.queue(dir, 1)
		defer end(q)
		synctest.Wait()
		if _, err := os.Lstat(dir); err == nil {
			t.Error("a spool without a mail")
		}
		q.Put(named("1"))
		synctest.Wait()
		info, err := os.Lstat(dir)
		if err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("the spool: %v, %v", info, err)
		}
	})
}
