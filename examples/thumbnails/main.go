// Command thumbnails makes a thumbnail of every picture that is put into a folder.
//
// Pictures come from other people, and a decoder that meets a bad one may crash or
// ask for all the memory there is. So each picture is decoded in a process of its
// own, with limits of memory and time: a poisoned one ends its process, never the
// daemon, and is set aside with the reason beside it.
package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/forker"
	"github.com/evertick/evertick/lock"
	"github.com/evertick/evertick/logfile"
)

func main() { New().Main() }

// New declares the daemon. A test adds its options.
func New(extra ...core.Option) *core.Daemon {
	s := &studio{running: map[string]*forker.Handle[size]{}}
	return core.New("thumbnails", append([]core.Option{
		core.Every(time.Second),
		core.Flags(s.flags),
		core.CheckEnvironment(s.check),
		core.Setup(s.setup),
		core.Execute(s.look),
		core.Teardown(s.finish),
		core.WithLock(lock.File("/run/thumbnails/lock")),
		core.WithLog(logfile.Fixed("/var/log/thumbnails/log")),
		core.InstallNote("Create /run/thumbnails and /var/log/thumbnails, writable by the daemon's user"),
	}, extra...)...)
}

// studio is the folders, and the pictures that children are at.
type studio struct {
	in, out, aside string
	running        map[string]*forker.Handle[size] // by the picture's name
}

func (s *studio) flags(app *kingpin.Application) {
	app.Flag("in", "Folder that pictures are put into; write a picture elsewhere and rename it to here.").Required().StringVar(&s.in)
	app.Flag("out", "Folder for the thumbnails; the picture itself is then deleted.").Required().StringVar(&s.out)
	app.Flag("aside", "Folder for pictures that cannot be read.").Required().StringVar(&s.aside)
}

func (s *studio) check(_ context.Context, d *core.Daemon) error {
	var all error
	seen := map[string]os.FileInfo{}
	for _, f := range []struct{ flag, dir string }{{"--in", s.in}, {"--out", s.out}, {"--aside", s.aside}} {
		info, err := os.Stat(d.Path(f.dir))
		if err != nil || !info.IsDir() {
			all = errors.Join(all, fmt.Errorf("%s %s is no folder: create it", f.flag, f.dir))
			continue
		}
		for flag, other := range seen { // a thumbnail would be a new picture
			if os.SameFile(info, other) {
				all = errors.Join(all, fmt.Errorf("%s and %s are one folder: name two", flag, f.flag))
			}
		}
		seen[f.flag] = info
	}
	return all
}

func (s *studio) setup(_ context.Context, d *core.Daemon) error {
	s.in, s.out, s.aside = d.Path(s.in), d.Path(s.out), d.Path(s.aside)
	return nil
}

// look settles the pictures that are done, and forks a child for each new one. A
// picture for which there is no child left waits for the next look.
func (s *studio) look(_ context.Context, d *core.Daemon) error {
	s.settle(d)
	pictures, err := os.ReadDir(s.in)
	if err != nil {
		return err
	}
	for _, p := range pictures {
		name := p.Name()
		if s.running[name] != nil || !p.Type().IsRegular() || strings.HasPrefix(name, ".") {
			continue
		}
		h, err := thumbnail.Fork(d, job{From: filepath.Join(s.in, name), To: filepath.Join(s.out, name+".jpg")})
		switch {
		case errors.Is(err, forker.ErrFull), errors.Is(err, forker.ErrClosed):
			return nil
		case err != nil:
			return err
		}
		s.running[name] = h
		h.Done() // its failure is told by settle alone
	}
	return nil
}

// finish settles what was done when the daemon was stopped: a picture whose
// child was ended by that stays where it is, for the next start.
func (s *studio) finish(_ context.Context, d *core.Daemon) error {
	s.settle(d)
	return nil
}

// settle deletes the pictures that have a thumbnail, and sets those aside whose
// child has failed.
func (s *studio) settle(d *core.Daemon) {
	for _, name := range slices.Sorted(maps.Keys(s.running)) {
		h := s.running[name]
		select {
		case <-h.Done():
		default:
			continue
		}
		delete(s.running, name)
		path := filepath.Join(s.in, name)
		size, err := h.Wait(context.Background())
		switch {
		case errors.Is(err, forker.ErrKilled): // the daemon was stopped
			continue
		case err != nil:
			d.Alertf("%s is set aside: %v", name, err)
			to := unused(filepath.Join(s.aside, name))
			err = errors.Join(os.Rename(path, to), os.WriteFile(to+".why", []byte(err.Error()+"\n"), 0o644))
		default:
			d.Logf("%s: a thumbnail of %d×%d", name, size.Width, size.Height)
			err = os.Remove(path)
		}
		if err != nil {
			d.Logf("Error: %s: %v", name, err)
		}
	}
}

// unused returns path, or one with a number where there is a file, or its reason.
func unused(path string) string {
	for n, free := 2, path; ; n++ {
		_, taken := os.Lstat(free)
		_, told := os.Lstat(free + ".why")
		if taken != nil && told != nil {
			return free
		}
		free = fmt.Sprintf("%s.%d", path, n)
	}
}
