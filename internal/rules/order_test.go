package rules

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"slices"
	"strings"
	"testing"
)

// order is the order of a package's files.
type order struct {
	dir   string
	files string // from low to high

	// upward are the arrows that run up the order all the same, as "a.go -> b.go",
	// each with its reason.
	upward map[string]string
}

// orders are read from low to high: a file uses those below it. Then each can
// be understood without those above it.
//
// To place a new file, or to see what causes an arrow, run
//
//	UPDATE=1 go test -v -run TestFilesUseTheFilesBelow ./internal/rules
var orders = []order{
	{
		dir: "core",
		files: `
			doc.go errors.go stats.go
			queue.go states.go lead.go timers.go lease.go
			history.go handover.go cleanups.go statefile.go handlerqueue.go stopnotice.go ticks.go calendarticks.go rememberticks.go recent.go
			helppage.go hooks.go plugin.go alertqueue.go declaration.go options.go standardflags.go
			process.go daemon.go alerts.go stopping.go values.go owner.go life.go followlog.go call.go laidcalendar.go children.go validate.go
			worker.go warmup.go pidfile.go trial.go ending.go health.go watchdog.go watcher.go
			execute.go machine.go help.go command.go instructions.go follower.go control.go
			schedule.go housekeeping.go watching.go lock.go ready.go dump.go signals.go
			lossreport.go overdue.go stop.go restart.go leaseloss.go lastwords.go death.go standby.go failure.go failedchecks.go iterate.go start.go
			lifecycle.go run.go`,
		upward: map[string]string{
			"hooks.go -> daemon.go":       "a user's handler is given its daemon",
			"plugin.go -> daemon.go":      "a plugin is given its daemon",
			"plugin.go -> declaration.go": "a plugin has options",
			"declaration.go -> daemon.go": "a user's function is given its daemon",
			"options.go -> daemon.go":     "a user's function is given its daemon",
			"stop.go -> restart.go":       "teardown ends in exec, which a stop may end in teardown",
			"stop.go -> leaseloss.go":     "what ignores the loss of the lock is not waited for",
		},
	},
	{
		dir:   "daemontest/internal/timeline",
		files: "doc.go text.go entry.go record.go timeline.go streams.go source.go write.go report.go edges.go",
	},
	{
		dir:   "daemontest/internal/network",
		files: "doc.go faults.go transit.go deadline.go end.go owner.go host.go network.go fault.go transport.go",
	},
	{
		dir: "daemontest/internal/world",
		files: `
			doc.go time.go childlanes.go met.go wall.go signaleffects.go signals.go temporary.go files.go locked.go timers.go watcher.go process.go label.go generation.go
			childpipe.go child.go childheld.go childoutput.go childsignals.go childinput.go childlife.go
			logfiles.go records.go pidfile.go program.go replies.go streams.go supervisor.go steps.go reexec.go
			observe.go mail.go spool.go clock.go lockfaults.go locks.go processlock.go machine.go
			stacks.go causes.go watchdog.go world.go children.go network.go sockets.go life.go play.go`,
	},
	{
		dir:   "daemontest/explore",
		files: "doc.go life.go children.go declare.go source.go draw.go cells.go notes.go check.go childcheck.go watchercheck.go watch.go judge.go play.go search.go",
	},
	{
		dir:   "daemontest",
		files: "doc.go slog.go met.go world.go actions.go lockfaults.go declare.go flags.go near.go script.go childscript.go childplan.go miss.go result.go steps.go want.go wanttext.go wantend.go wantchildren.go golden.go network.go scenario.go unasked.go verdict.go play.go run.go",
	},
}

// maxUpward is how many arrows may run upward in core, and in all packages of
// daemontest together.
const maxUpward = 10

// misordered finds what is wrong with the order of a package's files.
func misordered(o order, p *listed, arrows []arrow) []string {
	var found []string
	complain := func(format string, args ...any) {
		found = append(found, o.dir+": "+fmt.Sprintf(format, args...)+" (internal/rules/order_test.go)")
	}
	files := strings.Fields(o.files)
	for _, name := range p.GoFiles {
		if !slices.Contains(files, name) {
			complain("%s has no place in the order of files", name)
		}
	}
	here := func(name string) bool { return slices.Contains(p.GoFiles, name) }
	for i, name := range files {
		if !here(name) && !slices.Contains(p.IgnoredGoFiles, name) {
			complain("the order of files names %s, which is not there", name)
		}
		if slices.Contains(files[:i], name) {
			complain("%s is twice in the order of files", name)
		}
	}
	excused := make(map[string]bool)
	for _, a := range upward(files, arrows) {
		if !here(a.from) || !slices.Contains(files, a.from) {
			continue
		}
		if reason := o.upward[a.String()]; reason == "" {
			complain("%s uses %s of %s, which is above it", a.from, strings.Join(a.names, ", "), a.to)
		}
		excused[a.String()] = true
	}
	for exception := range o.upward {
		from, to, _ := strings.Cut(exception, " -> ")
		if other := !here(from) && slices.Contains(files, from) || !here(to) && slices.Contains(files, to); !excused[exception] && !other {
			complain("no arrow runs upward from %s: the exception is needless", exception)
		}
	}
	return found
}

func TestFilesUseTheFilesBelow(t *testing.T) {
	exceptions := make(map[string]int)
	for p, arrows := range compiled(t, "./core", "./daemontest/...") {
		at := slices.IndexFunc(orders, func(o order) bool { return o.dir == p.folder() })
		var o order
		if at >= 0 {
			o = orders[at]
		}
		if files := strings.Fields(o.files); os.Getenv("UPDATE") == "" {
			t.Logf("%s: %s", p.folder(), describe(files, arrows))
		} else {
			better := suggested(p.GoFiles, arrows)
			t.Logf("%s: %s\nthe fewest were found with\n  %s\n%s", p.folder(), describe(files, arrows),
				strings.Join(better, "\n  "), describe(better, arrows))
		}
		if at < 0 {
			t.Errorf("%s has no order of files (internal/rules/order_test.go)", p.folder())
			continue
		}
		report(t, misordered(o, p, arrows))
		part, _, _ := strings.Cut(o.dir, "/")
		exceptions[part] += len(o.upward)
	}
	for part, n := range exceptions {
		if n > maxUpward {
			t.Errorf("%s has %d arrows upward, more than %d", part, n, maxUpward)
		}
	}
}

// fake is a package of three files: the lowest one calls a method of the
// highest one, and reads a field of the middle one.
func fake(t *testing.T) (*listed, []arrow) {
	t.Helper()
	set := token.NewFileSet()
	p := &listed{IgnoredGoFiles: []string{"c_plan9.go"}}
	var trees []*ast.File
	for name, source := range map[string]string{
		"a.go": "package x\nfunc f(b *B) int { b.g(); return b.n }\n",
		"b.go": "package x\ntype B struct{ n int }\n",
		"c.go": "package x\nfunc (b *B) g() {}\n",
	} {
		tree, err := parser.ParseFile(set, name, source, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		p.GoFiles, trees = append(p.GoFiles, name), append(trees, tree)
	}
	slices.Sort(p.GoFiles)
	arrows, err := arrowsOf("x", set, trees, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p, arrows
}

func TestArrowsAreFound(t *testing.T) {
	p, arrows := fake(t)
	want := []string{"a.go -> b.go (B, B.n)", "a.go -> c.go (B.g)", "c.go -> b.go (B)"}
	var have []string
	for _, a := range arrows {
		have = append(have, fmt.Sprintf("%s (%s)", a, strings.Join(a.names, ", ")))
	}
	if !slices.Equal(have, want) {
		t.Errorf("found %q, want %q", have, want)
	}
	if best := suggested(p.GoFiles, arrows); len(upward(best, arrows)) > 0 {
		t.Errorf("suggested %q, which has an arrow upward", best)
	}
}

func TestFilesUseTheFilesBelowCanFail(t *testing.T) {
	p, arrows := fake(t)
	check := func(files string, exceptions map[string]string) []string {
		return misordered(order{dir: "x", files: files, upward: exceptions}, p, arrows)
	}
	reason := map[string]string{"a.go -> c.go": "it is called back"}

	nothing(t, check("b.go c.go a.go", nil))
	nothing(t, check("b.go c.go c_plan9.go a.go", nil))
	nothing(t, check("b.go a.go c.go", reason))
	finds(t, check("b.go a.go c.go", nil), "a.go uses B.g of c.go, which is above it")
	finds(t, check("b.go a.go c.go", map[string]string{"a.go -> c.go": ""}), "which is above it")
	finds(t, check("b.go c.go a.go", reason), "the exception is needless")
	finds(t, check("b.go c.go", nil), "a.go has no place")
	finds(t, check("b.go c.go a.go d.go", nil), "names d.go")
	finds(t, check("b.go c.go a.go b.go", nil), "b.go is twice")
}
