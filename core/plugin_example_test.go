package core_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/daemontest"
)

// readyFile is a plugin whose file is there as long as the daemon runs.
type readyFile struct{ path string }

func (readyFile) Name() string { return "ready-file" }

func (p readyFile) Check(_ context.Context, d *core.Daemon) error {
	folder := filepath.Dir(d.Path(p.path))
	if info, err := os.Stat(folder); err != nil || !info.IsDir() {
		return fmt.Errorf("%s: there is no folder %s: create it", p.path, folder)
	}
	return nil
}

func (p readyFile) Setup(_ context.Context, d *core.Daemon) error {
	return os.WriteFile(d.Path(p.path), nil, 0o644)
}

func (p readyFile) Teardown(_ context.Context, d *core.Daemon) error {
	return os.Remove(d.Path(p.path))
}

// TestReadyFile plays the plugin of docs/plugins.md.
func TestReadyFile(t *testing.T) {
	play(t, equipped(core.WithPlugins(readyFile{"poller.ready"})), daemontest.Scenario{
		Execute: daemontest.Instantly(),
		Steps: daemontest.Steps{
			at(1.5, daemontest.Do("look", func(w *daemontest.World) {
				if _, ok := w.File("poller.ready"); !ok {
					w.Fail("there is no file")
				}
			}), hup),
			stopAt(2.5),
		},
		Want: daemontest.Want{daemontest.Exit(0), daemontest.Restarts(1), daemontest.NoFile("poller.ready")},
	})
	play(t, equipped(core.WithPlugins(readyFile{"missing/poller.ready"})), daemontest.Scenario{
		Execute: daemontest.Instantly(),
		Want:    append(untouched(), daemontest.Exit(1), daemontest.Stderr("plugin ready-file: missing/poller.ready: there is no folder")),
	})
}
