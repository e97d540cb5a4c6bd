package retain

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/evertick/evertick/logfile"
)

// Rules say which files stay. The zero value keeps everything as it is.
type Rules struct {
	// Files is how many files stay, the one that is written included. Zero
	// means any number; a negative one is refused, as with the others.
	Files int

	// Age is how long a file stays after the day in its name has ended. Zero
	// means for ever. When the wall clock has stepped by more than an hour, no
	// file is deleted for its age until a day has passed, by the time since the
	// machine's start; a clock that is wrong from the daemon's start on, or steps
	// before the first look at the files, cannot be noticed.
	Age time.Duration

	// MaxSize is how many bytes a file may have: it is set aside by the message
	// with which it has more. Zero means any number.
	MaxSize int64

	// MinFree is how many bytes of the disk are to be free for the daemon's
	// user: the oldest files are deleted while there are fewer. Zero means none.
	MinFree int64

	// Compress compresses, with gzip, files that are not written any more. It
	// takes one processor for a while.
	Compress bool
}

// Cleaner is a logfile.Cleaner. New makes one; it belongs to one log.
type Cleaner struct {
	rules Rules

	mu       sync.Mutex // held by Clean
	said     string     // the error that was reported last
	seenWall time.Time
	seenBoot time.Duration
	mistrust time.Duration // Boot reading until which the wall clock is not trusted
}

var _ logfile.Cleaner = (*Cleaner)(nil)

// New returns a cleaner that follows the rules.
func New(r Rules) *Cleaner { return &Cleaner{rules: r} }

// Check refuses negative rules.
func (c *Cleaner) Check() error {
	r := c.rules
	if r.Files < 0 || r.Age < 0 || r.MaxSize < 0 || r.MinFree < 0 {
		return fmt.Errorf("retain: %+v: give 0 for no limit, or positive numbers", r)
	}
	return nil
}

// Full reports whether a file of that many bytes is to be set aside.
func (c *Cleaner) Full(size int64) bool { return c.rules.MaxSize > 0 && size > c.rules.MaxSize }

// SetAside renames the file that is written to the next number of its day.
func (c *Cleaner) SetAside(s logfile.Site) error {
	dir, base := filepath.Split(s.Path)
	day := s.Wall
	if e, ok := parse(base, s.Base, s.Wall.Location()); ok {
		day = e.day
	}
	number, err := nextNumber(s, dir, base, day)
	if err != nil {
		return err
	}
	to := filepath.Join(dir, aside(base, day, number))
	// A file of that name that somebody else has made meanwhile is not replaced.
	reserved, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(reserved.Close(), os.Rename(s.Path, to)); err != nil {
		return errors.Join(err, os.Remove(to))
	}
	return nil
}

// nextNumber returns the number under which a file of a day is set aside.
func nextNumber(s logfile.Site, dir, base string, day time.Time) (number int, err error) {
	number = 1
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		name := strings.TrimSuffix(strings.TrimSuffix(e.Name(), partial), zipped)
		if found, ok := parse(name, s.Base, s.Wall.Location()); ok && name != base && found.name == aside(base, day, found.part) {
			number = max(number, found.part+1)
		}
	}
	return number, err
}

// Clean deletes and compresses what the rules say.
func (c *Cleaner) Clean(ctx context.Context, s logfile.Site) (lines []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := folder{dir: filepath.Dir(s.Path), site: s}
	old, err := f.list()
	if err == nil {
		sortByAge(old)
		err = c.delete(ctx, &f, old)
		if c.rules.Compress {
			err = errors.Join(err, f.compress(ctx))
		}
	}
	if len(f.deleted) > 0 {
		lines = append(lines, "Log Cleaned: deleted "+strings.Join(f.deleted, ", "))
	}
	if err != nil && ctx.Err() == nil && err.Error() != c.said {
		c.said = err.Error()
		lines = append(lines, fmt.Sprintf("Warning: old log files in %s are not cleaned up: %v", f.dir, err))
	}
	if err == nil {
		c.said = ""
	}
	return lines
}

// delete deletes the files that are too old or too many, and then the oldest while
// the disk has too little space. One that cannot be deleted does not save the others.
func (c *Cleaner) delete(ctx context.Context, f *folder, old []entry) error {
	var errs []error
	trusted := c.trust(f.site)
	for len(old) > 0 && ctx.Err() == nil {
		e := old[0]
		reason := ""
		switch {
		case c.rules.Files > 0 && len(old)+1 > c.rules.Files:
			reason = fmt.Sprintf("more than %d files", c.rules.Files)
		case c.rules.Age > 0 && trusted && e.day.AddDate(0, 0, 1).Add(c.rules.Age).Before(f.site.Wall):
			reason = fmt.Sprintf("older than %s", c.rules.Age)
		case c.rules.MinFree > 0 && f.free() < c.rules.MinFree:
			reason = fmt.Sprintf("less than %d bytes free", c.rules.MinFree)
		default:
			return errors.Join(errs...)
		}
		old = old[1:]
		written, err := f.remove(filepath.Join(f.dir, e.name))
		errs = append(errs, err)
		if !written && err == nil {
			f.deleted = append(f.deleted, fmt.Sprintf("%s (%s)", e.name, reason))
		}
	}
	return errors.Join(errs...)
}

// trust reports whether the wall clock has gone with the time since the machine's
// start for long enough.
func (c *Cleaner) trust(s logfile.Site) bool {
	if !c.seenWall.IsZero() {
		step := s.Wall.Sub(c.seenWall) - (s.Boot - c.seenBoot)
		if step.Abs() > time.Hour {
			c.mistrust = s.Boot + 24*time.Hour
		}
	}
	c.seenWall, c.seenBoot = s.Wall, s.Boot
	return s.Boot >= c.mistrust
}
