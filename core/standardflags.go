package core

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/evertick/evertick/lock"
	"github.com/evertick/evertick/logfile"
	"github.com/evertick/evertick/mail"
)

// StandardFlags adds flags that stand for options: all of them, or those named,
// without hyphens.
//
//	--every              Every; the pause of FixedDelay, where that is declared;
//	                     there is none with Scheduled
//	--lock               WithLock, by a URL that lock.Parse knows
//	--log                WithLog: a file, or a folder with a slash behind it for
//	                     a file a day; nothing for standard output
//	--log-level          LogLevel: debug, info, warn or error
//	--alerts             the transport of WithAlerts, by a URL that mail.Parse knows,
//	                     or several with spaces between them
//	--to                 the recipients of WithAlerts; may be repeated
//	--restart-every      RestartEvery
//	--restart-above-memory
//	                     RestartAboveMemory, such as 200MB
//	--max-restarts       MaxRestarts: a number, and what time it is for, such as
//	                     5/10m; none for no limit
//	--iteration-timeout  IterationTimeout
//	--shutdown-timeout   ShutdownTimeout
//
// The options that are declared among those given to New are the flags'
// defaults. A flag on the command line comes first, then a variable of the
// environment, named after daemon and flag: POLLER_RESTART_EVERY; several
// recipients are separated by commas, and an empty variable counts as none. Then
// comes a plugin that has values ([ValueSource]), then the declared option. The
// dump tells of each where it came from.
func StandardFlags(names ...string) Option {
	return func(s *declaration) error {
		all := standardFlags()
		s.standard = nil
		for _, f := range all {
			if len(names) == 0 || slices.Contains(names, f.name) {
				s.standard = append(s.standard, f)
			}
		}
		for _, name := range names {
			if !slices.ContainsFunc(all, func(f *standardFlag) bool { return f.name == name }) {
				return fmt.Errorf("core.StandardFlags: there is no flag %q: name some of %s", name, strings.Join(flagNames(all), ", "))
			}
		}
		return nil
	}
}

func flagNames(flags []*standardFlag) []string {
	names := make([]string, len(flags))
	for i, f := range flags {
		names[i] = f.name
	}
	return names
}

// standardFlags is a function and no variable, so that a daemon without them does
// not link the parsers of their values.
func standardFlags() []*standardFlag {
	return []*standardFlag{
		{
			name: "every", help: "Interval, such as 5s; 0 means no pause.", placeholder: "INTERVAL",
			declared: declaredInterval, set: setInterval,
		},
		{
			name: "lock", help: "Lock against a second instance: a path, file:PATH, null: for none, or a URL.", placeholder: "URL",
			declared: func(s *declaration, _ time.Time) string { return named(s.lock) },
			set: func(s *declaration, text string) error {
				l, err := lock.Parse(text)
				if err != nil {
					return err
				}
				return WithLock(l)(s)
			},
		},
		{
			name: "log", help: "Log file; FOLDER/ for a file a day in it.", placeholder: "FILE",
			declared: declaredLog, set: setLog,
		},
		{
			name: "log-level", help: "What is logged: all from debug, info, warn or error on.", placeholder: "LEVEL",
			declared: func(s *declaration, _ time.Time) string { return s.logLevel.String() }, set: setLogLevel,
		},
		{
			name: "alerts", help: "How alert mail is sent, such as smtp://HOST:PORT.", placeholder: "URL",
			declared: func(s *declaration, _ time.Time) string { return named(s.alerts) }, set: setAlerts,
		},
		{
			name: "to", help: "Recipient of alert mail; may be repeated.", placeholder: "ADDRESS", repeats: true,
			declared: func(s *declaration, _ time.Time) string { return strings.Join(s.recipients, ",") }, set: setRecipients,
		},
		{
			name: "restart-every", help: "Restart in place at this interval; 0 means never.", placeholder: "INTERVAL",
			declared: func(s *declaration, _ time.Time) string { return s.restartEvery.String() },
			set:      byDuration(RestartEvery),
		},
		{
			name: "restart-above-memory", help: "Restart in place when memory stays above this, such as 200MB; 0 means never.", placeholder: "SIZE",
			declared: declaredMemory, set: setMemory,
		},
		{
			name: "max-restarts", help: "How many restarts after errors there may be in a time, such as 5/10m; none for no limit.", placeholder: "N/TIME",
			declared: declaredMaxRestarts, set: setMaxRestarts,
		},
		{
			name: "iteration-timeout", help: "How long an iteration may take; 0 means as long as it likes.", placeholder: "DURATION",
			declared: func(s *declaration, _ time.Time) string { return s.iterationTimeout.String() },
			set:      byDuration(IterationTimeout),
		},
		{
			name: "shutdown-timeout", help: "How long a stop waits for the iteration, and for teardown.", placeholder: "DURATION",
			declared: func(s *declaration, _ time.Time) string { return s.shutdownTimeout.String() },
			set:      byDuration(ShutdownTimeout),
		},
	}
}

// named returns the URL of a lock or a sender; empty where there is none.
func named(s fmt.Stringer) string {
	if s == nil {
		return ""
	}
	return s.String()
}

func declaredInterval(s *declaration, _ time.Time) string {
	if !s.every && !s.pacing.FixedDelay {
		return ""
	}
	return s.pacing.Interval.String()
}

func setInterval(s *declaration, text string) error {
	if s.pacing.FixedDelay {
		return byDuration(FixedDelay)(s, text)
	}
	return byDuration(Every)(s, text)
}

// byDuration returns a function that sets an option of a duration.
func byDuration(option func(time.Duration) Option) func(*declaration, string) error {
	return func(s *declaration, text string) error {
		d, err := parseDuration(text)
		if err != nil {
			return err
		}
		return option(d)(s)
	}
}

// parseDuration reads a duration as the flags of the user's own do, which are
// kingpin's.
func parseDuration(text string) (d time.Duration, err error) {
	flag := kingpin.New("", "").Flag("duration", "")
	flag.DurationVar(&d)
	if flag.Model().Value.Set(text) != nil {
		return 0, fmt.Errorf("%q is no duration: give a number with its unit, such as 500ms, 5s or 1h30m", text)
	}
	return d, nil
}

func setLogLevel(s *declaration, text string) error {
	level, err := logfile.ParseLevel(text)
	if err != nil {
		return err
	}
	return LogLevel(level)(s)
}

// declaredMemory returns the mark of RestartAboveMemory; empty where there is none.
func declaredMemory(s *declaration, _ time.Time) string {
	switch mark := s.restartAboveMemory; {
	case mark == 0:
		return ""
	case mark%(1<<20) == 0:
		return fmt.Sprintf("%dMB", mark>>20)
	default:
		return fmt.Sprintf("%dB", mark)
	}
}

func setMemory(s *declaration, text string) error {
	if text == "0" {
		return RestartAboveMemory(0)(s)
	}
	flag := kingpin.New("", "").Flag("size", "")
	size := flag.Bytes()
	if flag.Model().Value.Set(text) != nil || *size < 0 {
		return fmt.Errorf("%q is no size: give a number with its unit, such as 200MB or 1GB", text)
	}
	return RestartAboveMemory(uint64(*size))(s)
}

func declaredMaxRestarts(s *declaration, _ time.Time) string {
	if s.maxRestarts == noMaxRestarts {
		return ""
	}
	return fmt.Sprintf("%d/%s", s.maxRestarts, s.restartWindow)
}

func setMaxRestarts(s *declaration, text string) error {
	if text == "none" {
		s.maxRestarts, s.restartWindow = noMaxRestarts, quietAfter
		return nil
	}
	count, window, found := strings.Cut(text, "/")
	n, err := strconv.Atoi(count)
	if err != nil || !found {
		return fmt.Errorf("%q is no number of restarts: give one and the time it is for, such as 5/10m, or none", text)
	}
	d, err := parseDuration(window)
	if err != nil {
		return err
	}
	return MaxRestarts(n, d)(s)
}

func declaredLog(s *declaration, wall time.Time) string {
	if s.logName == nil {
		return ""
	}
	return s.logName(wall)
}

func setLog(s *declaration, text string) error {
	switch {
	case text == "":
		return WithLog(nil)(s)
	case strings.HasSuffix(text, "/"):
		return WithLog(logfile.Daily(text))(s)
	default:
		return WithLog(logfile.Fixed(text))(s)
	}
}

func setAlerts(s *declaration, text string) error {
	if text == "" {
		return WithAlerts(nil, s.recipients...)(s)
	}
	sender, err := mail.Parse(text)
	if err != nil {
		s.alertsRefused = true
		return err
	}
	return WithAlerts(sender, s.recipients...)(s)
}

// setRecipients comes after setAlerts.
func setRecipients(s *declaration, text string) error {
	var to []string
	for address := range strings.SplitSeq(text, ",") {
		if address = strings.TrimSpace(address); address != "" {
			to = append(to, address)
		}
	}
	if s.alerts == nil && !s.alertsRefused && len(to) > 0 {
		return errors.New("names a recipient, but nothing says how alerts are sent: give --alerts, too")
	}
	return WithAlerts(s.alerts, to...)(s)
}
