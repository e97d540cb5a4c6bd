package ini_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/daemontest"
	"github.com/evertick/evertick/plugin/ini"
)

// poller declares a daemon that logs, in each iteration, what say returns.
func poller(say func() string, declared ...ini.Declaration) daemontest.NewFunc {
	return func(extra ...core.Option) *core.Daemon {
		return core.New("poller", append([]core.Option{
			core.Every(time.Second),
			core.WithPlugins(ini.File("poller.ini", declared...)),
			core.Execute(func(_ context.Context, d *core.Daemon) error {
				d.Logf("it is %s", say())
				return nil
			}),
		}, extra...)...)
	}
}

func file(text string) map[string]string { return map[string]string{"poller.ini": text} }

var (
	term = daemontest.Signal(syscall.SIGTERM)
	hup  = daemontest.Signal(syscall.SIGHUP)
)

// reads plays a daemon with a file, and wants it to say something.
func reads(t *testing.T, text, want string, say func() string, declared ...ini.Declaration) {
	t.Helper()
	daemontest.Run(t, poller(say, declared...), daemontest.Scenario{
		Files: file(text),
		Steps: daemontest.Steps{daemontest.At(500*time.Millisecond, term)},
		Want:  daemontest.Want{daemontest.Exit(0), daemontest.Logs("it is " + want)},
	})
}

// refuses plays a daemon with a file, and wants it to be refused with these
// lines.
func refuses(t *testing.T, text string, lines []string, declared ...ini.Declaration) {
	t.Helper()
	daemontest.Run(t, poller(func() string { return "" }, declared...), daemontest.Scenario{
		Files: file(text),
		Want:  daemontest.Want{daemontest.Exit(1), daemontest.Iterations(0), says(lines...)},
	})
}

// says wants standard error to be exactly these problems.
func says(lines ...string) daemontest.Expectation {
	return daemontest.Check("the problems", func(r *daemontest.Result) error {
		want := "poller: plugin ini: " + strings.Join(lines, "\n") + "\n"
		if len(lines) > 1 {
			want = fmt.Sprintf("poller: %d problems:\n  plugin ini: %s\n", len(lines), strings.Join(lines, "\n  "))
		}
		if have := r.World().Stderr(); have != want {
			return fmt.Errorf("want %s\n got %s", want, have)
		}
		return nil
	})
}

func TestAFileIsReadWithItsTypes(t *testing.T) {
	timeout := ini.Key("api.timeout", 5*time.Second)
	retries := ini.Key("api.retries", 3)
	share := ini.Key("api.share", 0.5)
	verify := ini.Key("api.verify", true)
	hosts := ini.Key("api.v2.hosts", []string{"a"})
	level := ini.Key("level", slog.LevelInfo)
	from := ini.Key("api.from", netip.MustParseAddr("127.0.0.1"))
	size := ini.Key[uint8]("api.size", 1)
	say := func() string {
		return fmt.Sprint(timeout.Get(), retries.Get(), share.Get(), verify.Get(), hosts.Get(), level.Get(), from.Get(), size.Get(), " ", timeout.Origin())
	}
	declared := []ini.Declaration{timeout, retries, share, verify, hosts, level, from, size}
	reads(t, "", "5s 3 0.5 true [a] INFO 127.0.0.1 1 default", say, declared...)
	reads(t, "level = warn\n[api]\ntimeout = 1m\nretries = -1\nshare = 1e-3\nverify = No\nfrom = ::1\nsize=255\n[api.v2]\nhosts = x, y ,z\n",
		"1m0s -1 0.001 false [x y z] WARN ::1 255 poller.ini:3", say, declared...)
	reads(t, "[api.v2]\nhosts =\n", "5s 3 0.5 true [] INFO 127.0.0.1 1 default", say, declared...)
}

// Editors write a byte-order mark before the first line, and Windows its line ends.
func TestAByteOrderMarkIsNoText(t *testing.T) {
	url := ini.Key("api.url", "none")
	reads(t, "\xef\xbb\xbf[api]\r\nurl = x\r\n", "x", url.Get, url)
	refuses(t, "\xef\xbb\xbf[api]\nulr = x\n", []string{"poller.ini:2: [api] ulr is not known; did you mean url?"}, url)
}

func TestSectionsOfOneForm(t *testing.T) {
	type site struct {
		URL     string `ini:"url,required"`
		Slow    time.Duration
		Not     string        `ini:"-"`
		TimeOut time.Duration `ini:"time-out"`
	}
	sites := ini.Sections("site", site{Slow: 2 * time.Second, TimeOut: 10 * time.Second})
	reads(t, "[site shop]\nurl = https://shop\n[site  blog.example.com]\nurl = https://blog\nslow = 1s\ntime-out = 3s\n",
		"[{shop {https://shop 2s  10s}} {blog.example.com {https://blog 1s  3s}}]", func() string { return fmt.Sprint(sites.Rows()) }, sites)
	refuses(t, "[site a]\nurl =\nslow = 5\nnot = x\n[site  a]\nurl = x\n[site]\n[sites b]\n[site c]\n", []string{
		"poller.ini:2: [site a] url is empty: write its value behind the =",
		`poller.ini:3: [site a] slow = "5": write a duration with its unit, such as 5s`,
		"poller.ini:4: [site a] not is not known",
		"poller.ini:5: section [site  a] is already in line 1: give it another name",
		"poller.ini:7: section [site] is not known; did you mean [site NAME]?",
		"poller.ini:8: section [sites b] is not known; did you mean [site b]?",
		"poller.ini:9: [site c] url is missing: write url = … in this section",
	}, sites)
	refuses(t, "", []string{"poller.ini: there is no section [site NAME]: add one"}, ini.Sections("site", site{}).Required())
}

type ranged struct{ Low, High int }

func (r *ranged) Check() error {
	if r.Low > r.High {
		return errors.New("low is above high: exchange them")
	}
	return nil
}

func TestASectionIsCheckedAsAWhole(t *testing.T) {
	refuses(t, "[range a]\nlow = 1\n[range b]\nlow = 3\nhigh = 2\n", []string{
		"poller.ini:3: [range b]: low is above high: exchange them",
	}, ini.Sections("range", ranged{High: 9}))
}

func TestAllThatIsWrongIsToldTogether(t *testing.T) {
	refuses(t, "timeout = 1s\n[api]\ntimeot = 2s\nretries = many\nsize = 256\nverify = maybe\nhosts = a,,b\npassword hunter2\n[ap]\n[log]\n", []string{
		"poller.ini:1: timeout is not known: a key belongs below a [section]",
		"poller.ini:3: [api] timeot is not known; did you mean timeout?",
		`poller.ini:4: [api] retries = "many": write a whole number (without this line it is 3)`,
		`poller.ini:5: [api] size = "256": that does not fit: write a whole number from 0 (without this line it is 0)`,
		`poller.ini:6: [api] verify = "maybe": write yes or no (without this line it is false)`,
		`poller.ini:7: [api] hosts = "a,,b": there is nothing between two commas: write a list such as a, b, c`,
		"poller.ini:8: this line has no =: write key = value, or # in front of a comment",
		"poller.ini:9: section [ap] is not known; did you mean [api]?",
		"poller.ini:10: section [log] is empty: write its keys below this line",
		"poller.ini: [mail] from is missing: add the section [mail] with from = …",
		"poller.ini: section [db] is missing: add it",
	},
		ini.Require("log", "db"), ini.Key("api.timeout", time.Second), ini.Key("api.retries", 3), ini.Key[uint8]("api.size", 0),
		ini.Key("api.verify", false), ini.Key("api.hosts", []string{}), ini.Key("mail.from", "").Required(), ini.Key("db.host", "").Required())
}

func TestAKeyThatMustBeThere(t *testing.T) {
	url := ini.Key("api.url", "").Required()
	declared := []ini.Declaration{ini.Require("api"), url}
	refuses(t, "", []string{"poller.ini: the file is empty: add the section [api]"}, declared...)
	refuses(t, "[api]\n", []string{
		"poller.ini:1: [api] url is missing: write url = … in this section",
		"poller.ini:1: section [api] is empty: write its keys below this line",
	}, declared...)
	refuses(t, "[api]\nurl = \"\"\n", []string{"poller.ini:2: [api] url is empty: write its value behind the ="}, declared...)
	reads(t, "[api]\nurl = x\n", "x", url.Get, declared...)
	refuses(t, "", []string{"poller.ini: level is missing: write level = … above the first section"}, ini.Key("level", "").Required())
}

func TestValuesAreChecked(t *testing.T) {
	short := func(d time.Duration) error {
		if d > time.Minute {
			return errors.New("write at most 1m")
		}
		return nil
	}
	refuses(t, "[api]\ntimeout = 2m\n", []string{`poller.ini:2: [api] timeout = "2m": write at most 1m (without this line it is 1s)`},
		ini.Key("api.timeout", time.Second).Where(short))
	refuses(t, "", []string{"the default of [api] timeout: write at most 1m"}, ini.Key("api.timeout", time.Hour).Where(short))
}

// No error shows what may be a secret.
func TestSecretsAreMasked(t *testing.T) {
	refuses(t, "[api]\npassword = hunter2\npin = 12x4\nurl = ftp://me:hun/ter2@host/x\n", []string{
		`poller.ini:2: [api] password = "***": write a whole number`,
		`poller.ini:3: [api] pin = "***": write a whole number`,
		`poller.ini:4: [api] url = "ftp://***@host/x": write a whole number (without this line it is 0)`,
	}, ini.Key("api.password", 0), ini.Key("api.pin", 0).Secret(), ini.Key("api.url", 0))
}

// What is declared wrongly is told before the file is read.
func TestDeclarationsAreChecked(t *testing.T) {
	refuses(t, "[", []string{
		"[api] url is declared twice: drop one",
		`ini.Key("api.") names no key: write section.key`,
		"the type chan int cannot be read from a file: see ini.Key for those that can",
		`ini.Sections("site"): int is no struct`,
		`ini.Sections("host"): the type struct {} of field Inner cannot be read from a file: see ini.Key for those that can`,
	}, ini.Key("api.url", ""), ini.Key("api.url", 1), ini.Key("api.", ""), ini.Key[chan int]("api.c", nil),
		ini.Sections("site", 1), ini.Sections("host", struct{ Inner struct{} }{}))
}

// An open section holds anything.
func TestSectionsThatMayHoldAnything(t *testing.T) {
	declare := func(extra ...core.Option) *core.Daemon {
		config := ini.File("poller.ini", ini.Require("api"), ini.Allow("notes"))
		return core.New("poller", append([]core.Option{
			core.Every(time.Second), core.WithPlugins(config), core.Execute(func(_ context.Context, d *core.Daemon) error {
				value, ok := config.Text("api.b")
				_, none := config.Text("api.c")
				d.Logf("it is %v %q %t %t", config.Keys("api"), value, ok, none)
				return nil
			}),
		}, extra...)...)
	}
	daemontest.Run(t, declare, daemontest.Scenario{
		Files: file("[api]\na = 1\nb = two\n"),
		Steps: daemontest.Steps{daemontest.At(500*time.Millisecond, term)},
		Want:  daemontest.Want{daemontest.Exit(0), daemontest.Logs(`it is [a b] "two" true false`)},
	})
}

func TestAFileThatCannotBeRead(t *testing.T) {
	url := ini.Key("api.url", "none")
	say := url.Get
	for name, c := range map[string]struct {
		prepare func(path string) error
		says    string
	}{
		"missing":    {func(string) error { return nil }, "poller.ini: there is no such file: create it"},
		"folder":     {func(path string) error { return os.Mkdir(path, 0o755) }, "poller.ini is a folder: name a file in it"},
		"pipe":       {func(path string) error { return syscall.Mkfifo(path, 0o600) }, "poller.ini is no regular file (p---------): name one"},
		"huge":       {func(path string) error { return errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, 1<<33)) }, "poller.ini is larger than 1048576 bytes: is it the right file?"},
		"loop":       {func(path string) error { return os.Symlink("poller.ini", path) }, "poller.ini is a symbolic link that leads to itself: name a file: too many levels of symbolic links"},
		"UTF-16":     {func(path string) error { return os.WriteFile(path, []byte("\xff\xfe[\x00a\x00]\x00"), 0o600) }, "poller.ini is in UTF-16: save it as UTF-8"},
		"old Mac":    {func(path string) error { return os.WriteFile(path, []byte("[api]\rurl = x\r"), 0o600) }, "poller.ini:1: this line has the control character U+000D: remove it"},
		"ISO 8859-1": {func(path string) error { return os.WriteFile(path, []byte("[api]\nurl = caf\xe9\n"), 0o600) }, "poller.ini:2: this line is not UTF-8: save the file as UTF-8"},
	} {
		t.Run(name, func(t *testing.T) {
			daemontest.Run(t, poller(say, url), daemontest.Scenario{
				Args:  "--help",
				Files: map[string]string{"nothing/": ""},
				Steps: daemontest.Steps{daemontest.At(time.Second, daemontest.Do("prepare", func(w *daemontest.World) {
					if err := c.prepare(w.Path("poller.ini")); err != nil {
						w.Fail("%v", err)
					}
				}), daemontest.Command(""))},
				Want: daemontest.Want{daemontest.NeverReady(), daemontest.ExitOf("", 1), daemontest.Stderr("poller: plugin ini: " + c.says + "\n")},
			})
		})
	}
	daemontest.Run(t, poller(say, ini.Optional(), url), daemontest.Scenario{
		Args: "--ini other.ini", // which is asked for
		Want: daemontest.Want{daemontest.Exit(1), daemontest.Stderr("other.ini: there is no such file: create it")},
	})
	daemontest.Run(t, poller(say, ini.Optional(), url), daemontest.Scenario{
		Steps: daemontest.Steps{daemontest.At(500*time.Millisecond, term)},
		Want:  daemontest.Want{daemontest.Exit(0), daemontest.Logs("it is none")},
	})
}

// A SIGHUP reads the file again. One that is wrong refuses the restart, and the
// daemon goes on with what it has.
func TestAReloadReadsTheFileAgain(t *testing.T) {
	declare := func(extra ...core.Option) *core.Daemon {
		timeout := ini.Key("api.timeout", 5*time.Second)
		return poller(func() string { return timeout.Get().String() }, timeout)(extra...)
	}
	daemontest.Run(t, declare, daemontest.Scenario{
		Files: file("[api]\ntimeout = 1s\n"),
		Steps: daemontest.Steps{
			daemontest.At(1500*time.Millisecond, daemontest.WriteFile("poller.ini", "[api]\ntimeout = 2\n")),
			daemontest.At(2500*time.Millisecond, hup),
			daemontest.At(4500*time.Millisecond, daemontest.WriteFile("poller.ini", "[api]\ntimeout = 3s\n"), hup),
			daemontest.At(6500*time.Millisecond, term),
		},
		Want: daemontest.Want{
			daemontest.Exit(0), daemontest.Restarts(1), daemontest.LogsTimes("it is 1s", 5), daemontest.LogsTimes("it is 3s", 2),
			daemontest.Logs(`poller.ini:2: [api] timeout = "2": write a duration with its unit, such as 5s (without this line it is 5s)`),
		},
	})
}

// inOrder wants these lines to be logged, one after the other.
func inOrder(lines ...string) daemontest.Expectation {
	return daemontest.Check("lines in order", func(r *daemontest.Result) error {
		rest := r.World().Stdout()
		for _, line := range lines {
			_, after, found := strings.Cut(rest, line+"\n")
			if !found {
				return fmt.Errorf("no %q in %s", line, rest)
			}
			rest = after
		}
		return nil
	})
}

// What is set at run time is forgotten at a restart, and leaves the file alone.
func TestAnOverrideAtRunTime(t *testing.T) {
	declare := func(extra ...core.Option) *core.Daemon {
		retries := ini.Key("api.retries", 3).Where(func(n int) error {
			if n < 0 {
				return errors.New("write 0 or more")
			}
			return nil
		})
		set := func(d *core.Daemon) {
			d.Logf("refused: %v", retries.Set(-1))
			assert.NoError(t, retries.Set(9))
		}
		say := func() string { return fmt.Sprint(retries.Get(), " ", retries.Origin()) }
		return poller(say, retries)(append(extra, core.On(core.HookPostExecute, func(_ context.Context, d *core.Daemon, h core.HookInfo) {
			if h.Iteration == 1 {
				set(d)
			}
		}))...)
	}
	const text = "[api]\nretries = 5\n"
	daemontest.Run(t, declare, daemontest.Scenario{
		Files: file(text),
		Steps: daemontest.Steps{daemontest.At(1500*time.Millisecond, hup), daemontest.At(2500*time.Millisecond, term)},
		Want: daemontest.Want{
			daemontest.Exit(0), inOrder("it is 5 poller.ini:2", "it is 9 set at run time", "it is 5 poller.ini:2"),
			daemontest.Logs(`refused: [api] retries = "-1": write 0 or more`), daemontest.FileContains("poller.ini", text),
		},
	})
}
