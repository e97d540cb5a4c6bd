package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/evertick/evertick/core"
)

// check refuses what is there and holds no states: a file that --state names by
// mistake would be overwritten.
func (w *watch) check(_ context.Context, d *core.Daemon) error {
	path := d.Path(w.file)
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		_, err = os.ReadDir(filepath.Dir(path))
	}
	if err != nil {
		return fmt.Errorf("--state: %w", err)
	}
	if info == nil || info.Size() == 0 && info.Mode().IsRegular() {
		return nil
	}
	if !info.Mode().IsRegular() || !holdsStates(path) {
		return fmt.Errorf("--state %s holds no states of sites: name another file, or remove it", w.file)
	}
	return nil
}

// holdsStates reports whether a file has states, or may have had: a power cut can
// break it.
func holdsStates(path string) bool {
	text, err := os.ReadFile(path)
	if err != nil || len(text) == 0 {
		return true // which load tells of
	}
	var states map[string]status
	return text[0] == '{' && (!json.Valid(text) || json.Unmarshal(text, &states) == nil)
}

// load reads the states that the program before has kept. A file that cannot be
// used costs them, and keeps nobody from watching.
func (w *watch) load(_ context.Context, d *core.Daemon) error {
	w.states = map[string]status{}
	text, err := os.ReadFile(d.Path(w.file))
	if err == nil {
		err = json.Unmarshal(text, &w.states)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		w.states = map[string]status{}
		d.Alertf("%s cannot be used, so all sites are new: %v", w.file, err)
	}
	return nil
}

// save keeps the states. A reader finds all of the old ones, or all of the new.
func (w *watch) save(path string) error {
	w.mu.Lock()
	text, err := json.MarshalIndent(w.states, "", "\t")
	w.mu.Unlock()
	if err != nil {
		return err
	}
	next := path + ".new"
	if err := os.WriteFile(next, text, 0o644); err != nil {
		return err
	}
	return os.Rename(next, path)
}

// table returns the sites for the dump.
func (w *watch) table(d *core.Daemon) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var b strings.Builder
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "site\tstate\tsince\ttook\tlast error")
	for _, row := range w.sites.Rows() {
		s, known := w.states[row.Name]
		if !known {
			fmt.Fprintf(t, "%s\tnot seen yet\t\t\t\n", row.Name)
			continue
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", row.Name, s.State, s.Since.Format(time.DateTime), s.Took, s.Error)
	}
	_ = t.Flush() // to a Builder
	return strings.TrimSuffix(b.String(), "\n")
}
