package slogger_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/logfile"
	"github.com/evertick/evertick/logfile/slogger"
)

// Text records have their attributes behind the message, and a word for their
// level before it.
func TestSlogRecordsAsText(t *testing.T) {
	f := newFixture(t, logfile.Settings{})
	log := slog.New(slogger.Handler(f.Log))
	log.Info("plain")
	log.Debug("not shown")
	log.Log(t.Context(), slog.LevelInfo+1, "between")
	job := log.With("job", 7).WithGroup("db")
	job.Info("fetched", "rows", 12, "table", "a b")
	job.With("shard", 3).WithGroup("x").Info("deep", "y", true)
	job.Info("grouped", slog.Group("g", "a", 1, "b", 2))
	job.Warn("slow\nindeed")
	job.Error("broken", "line", "x\ny")
	log.Info("the parent stays as it was")

	f.holds("plain", "between",
		`fetched job=7 db.rows=12 db.table="a b"`,
		"deep job=7 db.shard=3 db.x.y=true",
		"grouped job=7 db.g.a=1 db.g.b=2",
		"Warning: slow", "indeed job=7",
		`Error: broken job=7 db.line="x\ny"`,
		"the parent stays as it was")
	if n := len(f.observed); n != 8 || f.observed[2] != `fetched job=7 db.rows=12 db.table="a b"` {
		t.Errorf("observed %q", f.observed)
	}
}

// Attributes that are called as the parts of a record stay.
func TestSlogAttributesNamedAsTheRecordsOwn(t *testing.T) {
	f := newFixture(t, logfile.Settings{})
	log := slog.New(slogger.Handler(f.Log))
	log.Info("fill", "level", 7, "msg", "x", "time", "noon")
	log.Warn("kinds", "level", slog.LevelWarn, "msg", "kinds", "time", clock{}.Wall())
	log.With("level", 7).Info("with", "level", []int{1})
	f.holds("fill level=7 msg=x time=noon",
		"Warning: kinds level=WARN msg=kinds time=2026-11-23T08:12:44.000Z",
		"with level=7 level=[1]")
}

// JSON records are objects with the time of the log's clock and the PID.
func TestSlogRecordsAsJSON(t *testing.T) {
	f := newFixture(t, logfile.Settings{JSON: true})
	log := slog.New(slogger.Handler(f.Log)).With("job", 7).WithGroup("db")
	log.Warn("slow\nindeed", slog.Int("rows", 12), slog.Group("g", "a", 1))
	log.Debug("not shown")

	content := f.stdout.String()
	lines := strings.Split(content, "\n")
	if len(lines) != 2 {
		t.Fatalf("the file holds %q", content)
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(lines[0]), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"time": "2026-11-23T08:12:44Z", "level": "WARN", "msg": "slow\nindeed", "pid": 12345.0, "job": 7.0,
		"db": map[string]any{"rows": 12.0, "g": map[string]any{"a": 1.0}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if len(f.observed) != 1 || f.observed[0] != "slow\nindeed" {
		t.Errorf("observed %q", f.observed)
	}
}

// Records go where messages go: to the file, once it is open.
func TestSlogRecordsFollowTheFile(t *testing.T) {
	for _, json := range []bool{false, true} {
		path := filepath.Join(t.TempDir(), "log")
		f := newFixture(t, logfile.Settings{Name: logfile.Fixed(path), JSON: json})
		log := slog.New(slogger.Handler(f.Log))
		log.Info("before")
		f.Open()
		log.Info("after")
		f.Close()
		content, err := os.ReadFile(path)
		if err != nil || strings.Count(string(content), "\n") != 2 || !strings.Contains(string(content), "after") {
			t.Errorf("JSON %t: the file holds\n%s (%v)", json, content, err)
		}
		if out := f.stdout.String(); !strings.Contains(out, "before") || strings.Contains(out, "after") {
			t.Errorf("JSON %t: standard output holds %q", json, out)
		}
	}
}

// The handler's own rules for levels.
func TestSlogLevels(t *testing.T) {
	for _, json := range []bool{false, true} {
		h := slogger.Handler(newFixture(t, logfile.Settings{JSON: json}).Log)
		for level, want := range map[slog.Level]bool{
			slog.LevelDebug: false, slog.LevelInfo - 1: false, slog.LevelInfo: true, slog.LevelError: true,
		} {
			if got := h.Enabled(context.Background(), level); got != want {
				t.Errorf("JSON %t: level %v enabled %t", json, level, got)
			}
		}
	}
}

// The log's own level counts, and debugging is told by its word.
func TestSlogDebug(t *testing.T) {
	for _, json := range []bool{false, true} {
		f := newFixture(t, logfile.Settings{JSON: json, Level: logfile.Debug})
		log := slog.New(slogger.Handler(f.Log))
		log.Debug("found", "n", 1)
		want := "Debug: found n=1\n"
		if json {
			want = `"level":"DEBUG","msg":"found","pid":12345,"n":1}`
		}
		if out := f.stdout.String(); !strings.Contains(out, want) || log.Enabled(t.Context(), slog.LevelDebug-1) {
			t.Errorf("JSON %t: %q is not in %q", json, want, out)
		}
	}
}

// A handler of one's own has messages and records; the latter with their groups.
// Its own level counts, too.
func TestAHandlerOfOnesOwn(t *testing.T) {
	var out bytes.Buffer
	h := slogger.To(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelWarn}))
	f := newFixture(t, logfile.Settings{Handler: h})
	f.Open()
	log := slog.New(slogger.Handler(f.Log)).With("job", 7).WithGroup("db")
	log.Info("not shown")
	f.Print("nor this")
	f.Print("Warning: slow\n")
	log.Error("broken", "rows", 12)
	f.Close()
	log.Error("late")
	const want = "time=2026-11-23T08:12:44.000Z level=WARN msg=slow pid=12345\n" +
		"time=2026-11-23T08:12:44.000Z level=ERROR msg=broken pid=12345 job=7 db.rows=12\n"
	if out.String() != want {
		t.Errorf("got %s", out.String())
	}
	if len(f.observed) != 4 || f.observed[2] != "Error: broken job=7 db.rows=12" {
		t.Errorf("observed %q", f.observed)
	}
	if late := f.stdout.String(); !strings.Contains(late, "Error: late job=7") || strings.Contains(late, "broken") {
		t.Errorf("standard output: %s", late)
	}
}

// clock stands still.
type clock struct{ clockwork.Clock }

func (clock) Wall() time.Time { return time.Date(2026, 11, 23, 8, 12, 44, 0, time.UTC) }

// fixture is a log in the hands of the test.
type fixture struct {
	*logfile.Log
	t        *testing.T
	stdout   *bytes.Buffer
	observed []string
}

func newFixture(t *testing.T, s logfile.Settings) *fixture {
	f := &fixture{t: t, stdout: &bytes.Buffer{}}
	f.Log = logfile.New(logfile.Config{
		Daemon: "poller", Host: "web1", PID: 12345, Clock: clock{clockwork.Real()}, Stdout: f.stdout,
		Observe: func(_ int, message string) { f.observed = append(f.observed, message) },
	})
	f.Configure(s)
	return f
}

// holds fails unless exactly these lines were written, without their prefixes.
func (f *fixture) holds(want ...string) {
	f.t.Helper()
	got := strings.Split(strings.TrimSuffix(strings.ReplaceAll(f.stdout.String(), "[2026-11-23 08:12:44] 12345 ", ""), "\n"), "\n")
	if !slices.Equal(got, want) {
		f.t.Errorf("the log holds %q, want %q", got, want)
	}
}

// daemon has a log, as core.Daemon has.
type daemon struct{ log *logfile.Log }

func (d daemon) Log() *logfile.Log { return d.log }

// New takes the log of a daemon.
func TestNewTakesTheLogOfADaemon(t *testing.T) {
	f := newFixture(t, logfile.Settings{})
	slogger.New(daemon{f.Log}).Error("broken", "row", 7)
	f.holds("Error: broken row=7")
}
