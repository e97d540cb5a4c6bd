package mail

import (
	"fmt"
	"strings"
	"time"
)

// digestSubject returns the subject of a digest of a group.
func (q *Queue) digestSubject(g *group) string {
	if g.Pending == 0 {
		return fmt.Sprintf("%s Alert: still: %s", q.config.Name, g.Title)
	}
	return fmt.Sprintf("%s Alert: %d more: %s", q.config.Name, g.Pending, g.Title)
}

// digestText tells of the alerts that no mail has told of, or that a condition
// lasts.
func (g *group) digestText(wall time.Time) string {
	var b strings.Builder
	if g.Pending > 0 {
		fmt.Fprintf(&b, "%s like %q, from %s to %s. ", plural(g.Pending, "more alert"), g.Title, clockTime(g.Since), clockTime(g.Last))
	} else {
		fmt.Fprintf(&b, "It goes on: %s. ", g.Title)
	}
	fmt.Fprintf(&b, "There %s since %s, in %s.\n", were(g.Total), clockTime(g.Began), length(wall.Sub(g.Began)))
	g.list(&b)
	return b.String()
}

// endText tells that a condition is over.
func (g *group) endText() string {
	var b strings.Builder
	fmt.Fprintf(&b, "It is over: %s. It came %s, from %s to %s: it lasted for %s.\n",
		g.Title, plural(g.Total, "time"), clockTime(g.Began), clockTime(g.Last), length(g.Last.Sub(g.Began)))
	g.list(&b)
	return b.String()
}

// list lists the samples.
func (g *group) list(b *strings.Builder) {
	if len(g.Samples) == 0 {
		return
	}
	b.WriteString("\n")
	for i, text := range g.Samples {
		if i == maxSamples && g.Pending > len(g.Samples) {
			b.WriteString("  ...\n")
		}
		fmt.Fprintf(b, "  %s\n", text)
	}
}

// joined returns a text with what each mail ends with.
func joined(text, describe string) string {
	text = strings.TrimRight(text, "\n") + "\n"
	if describe == "" {
		return text
	}
	return text + "\n" + describe
}

// were says that there was a number of things.
func were(n int) string {
	if n == 1 {
		return "was 1"
	}
	return fmt.Sprintf("were %d", n)
}

// plural returns a number of things: "1 alert", "2 alerts".
func plural(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprintf("%d %s", n, thing)
}

// wait says that a number of things waits.
func wait(n int, thing string) string {
	if n == 1 {
		return "1 " + thing + " waits"
	}
	return fmt.Sprintf("%d %ss wait", n, thing)
}

func clockTime(t time.Time) string { return t.Format(time.DateTime) }

// length returns how long something lasted, for people.
func length(d time.Duration) time.Duration { return max(d, 0).Round(time.Second) }
