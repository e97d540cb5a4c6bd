package daemontest

import (
	"fmt"
	"strings"

	"github.com/evertick/evertick/daemontest/internal/timeline"
)

// readable recognises those that have reached somebody.
func readable(text string) func(timeline.Entry) bool {
	return func(e timeline.Entry) bool { return logs(text)(e) && !e.Lost }
}

// texts returns the texts of the entries that is holds for.
func (r *Result) texts(is func(timeline.Entry) bool) (texts []string) {
	for _, e := range r.entries(is) {
		texts = append(texts, e.Text)
	}
	return texts
}

// Logs wants at least one log message that contains text and has reached a log
// file or a standard output that leads somewhere. With -d and without a log
// file, or while the disk is full, it does not.
func Logs(text string) Expectation {
	return func(r *Result) *miss {
		if r.timeline().Count(readable(text)) > 0 {
			return nil
		}
		if n := r.timeline().Count(logs(text)); n > 0 {
			return missed(logs(text), "want a log message that contains %q, got %d that reached nobody: neither a log file nor a standard output that leads somewhere", text, n)
		}
		return missed(nil, "want a log message that contains %q, got none%s", text, nearest(text, r.texts(isLog)))
	}
}

// LogsTimes wants exactly n log messages that contain text and have reached
// somebody, as for Logs.
func LogsTimes(text string, n int) Expectation {
	if n == 0 {
		return NoLog(text)
	}
	return func(r *Result) *miss {
		m := r.wantCount(n, fmt.Sprintf("log messages that contain %q", text), readable(text))
		if m == nil {
			return nil
		}
		if lost := r.timeline().Count(logs(text)) - r.timeline().Count(readable(text)); lost > 0 {
			m.text += fmt.Sprintf(", and %d that reached nobody", lost)
		} else if r.timeline().Count(readable(text)) == 0 {
			m.text += nearest(text, r.texts(isLog))
		}
		return m
	}
}

// NoLog wants no log message that contains text, also none that reached nobody.
func NoLog(text string) Expectation {
	return func(r *Result) *miss {
		return r.wantCount(0, fmt.Sprintf("log messages that contain %q", text), logs(text))
	}
}

// LastLog wants the last log message that has reached somebody to contain text.
func LastLog(text string) Expectation {
	return func(r *Result) *miss {
		all := r.entries(readable(""))
		if len(all) == 0 {
			return missed(isLog, "want the last log message to contain %q, got none that reached anybody", text)
		}
		if last := all[len(all)-1]; !strings.Contains(last.Text, text) {
			return missed(func(e timeline.Entry) bool { return e == last }, "want the last log message to contain %q, got %q", text, clip(last.Text))
		}
		return nil
	}
}

func isMail(e timeline.Entry) bool { return e.Kind == timeline.Mail }

// Mails wants the mail server to have taken n mails.
func Mails(n int) Expectation {
	return func(r *Result) *miss { return r.wantCount(n, "mails", isMail) }
}

// MailContains wants a mail whose subject or body contains text.
func MailContains(text string) Expectation {
	return func(r *Result) *miss {
		var lines []string
		mails := r.world.Mails()
		for _, m := range mails {
			if strings.Contains(m.Subject, text) || strings.Contains(m.Body, text) {
				return nil
			}
			lines = append(append(lines, m.Subject), strings.Split(m.Body, "\n")...)
		}
		return missed(isMail, "want a mail that contains %q, got %d mails without it%s", text, len(mails), nearest(text, lines))
	}
}

// NoFile wants the file not to be there in the end.
func NoFile(path string) Expectation {
	return func(r *Result) *miss {
		if content, ok := r.world.File(path); ok {
			return missed(nil, "want no file %s, got one that holds %q", path, clip(content))
		}
		return nil
	}
}

// FileContains wants the file to contain text in the end.
func FileContains(path, text string) Expectation {
	return func(r *Result) *miss {
		content, ok := r.world.File(path)
		if !ok {
			return missed(nil, "want file %s to contain %q, got no such file", path, text)
		}
		return contains("file "+path, content, text)
	}
}

// Stdout wants standard output to contain text.
func Stdout(text string) Expectation {
	return func(r *Result) *miss { return contains("standard output", r.world.Stdout(), text) }
}

// Stderr wants standard error to contain text.
func Stderr(text string) Expectation {
	return func(r *Result) *miss { return contains("standard error", r.world.Stderr(), text) }
}

func contains(what, content, text string) *miss {
	if strings.Contains(content, text) {
		return nil
	}
	return missed(nil, "want %s to contain %q, got %q%s", what, text, clip(content), nearest(text, strings.Split(content, "\n")))
}
