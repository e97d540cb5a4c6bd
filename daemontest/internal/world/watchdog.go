package world

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	// glance is the real time between two looks at a bubble: at its progress,
	// which costs next to nothing, and while that stands still at its goroutines.
	glance = 20 * time.Millisecond

	// socketLimit is how long a goroutine may wait for a socket at most.
	socketLimit = time.Second

	// So many samples are needed to accuse a goroutine: of one that is blocked,
	// all at the same place; of others enough to have met the clock moving, if
	// it moved. Of loops that do nothing but sleep, one sample in 2 to 30 meets
	// that.
	samplesOfBlocked = 10
	samplesOfBusy    = 100

	// crawl is how many times the limit the clock may move with nothing
	// recorded.
	crawl = 10
)

// guard waits for what the bubble ends with. A bubble that stands still for
// limit of real time hangs: died says why and names the goroutines to blame,
// and hung is true. It stands still while nothing is recorded and its clock does
// not move. A limit of 0 or less means none. note is told, once for each place,
// what has made it stand still for less than that.
func guard(limit time.Duration, bubble string, progress func() int64, note func(string), done <-chan string) (died string, hung bool) {
	if limit <= 0 {
		return <-done, false
	}
	w := newWatchdog(limit, bubble, note)
	timer := time.NewTimer(w.pause)
	defer timer.Stop()
	last := int64(-1)
	for {
		select {
		case died := <-done:
			return died, false
		case <-timer.C:
		}
		if p := progress(); p != last {
			last = p
			w.recorded()
		} else if died := w.look(); died != "" {
			return died, true
		}
		timer.Reset(w.pause)
	}
}

// watchdog finds out what a bubble stands still for. Its time is the sum of its
// pauses and not the clock's: a test that was suspended, or got no processor,
// has not hung.
type watchdog struct {
	limit  time.Duration
	bubble string
	note   func(string)
	noted  map[string]bool
	pause  time.Duration // until the next look

	silent   time.Duration // since something was recorded
	still    time.Duration // since the bubble's clock moved
	samples  int           // since then
	suspects map[string]suspect
	dump     dump
}

func newWatchdog(limit time.Duration, bubble string, note func(string)) *watchdog {
	w := &watchdog{limit: limit, bubble: bubble, note: note, noted: map[string]bool{}}
	w.rest(0)
	return w
}

// rest sets the pause to the next look, after one that took so long: the bubble
// must get on.
func (w *watchdog) rest(took time.Duration) {
	w.pause = max(min(glance, w.limit/samplesOfBusy), 4*took, time.Millisecond)
}

// suspect is a goroutine that stops the clock.
type suspect struct {
	goroutine
	cause   cause
	samples int           // since it first did
	there   int           // of those, the last ones that found it at this place
	blocked time.Duration // at this place
}

// recorded and moved forget what stood still until now.
func (w *watchdog) recorded() { w.silent = 0; w.moved() }
func (w *watchdog) moved()    { w.still, w.samples, w.suspects = 0, 0, nil }

// look takes a sample. It returns what there is to say of a hang, else "".
func (w *watchdog) look() (died string) {
	waited, began := w.pause, time.Now()
	s := w.dump.sample(w.bubble)
	w.rest(time.Since(began))
	w.silent += waited
	if s.idle {
		w.moved()
		if w.silent >= crawl*w.limit {
			return describe(w.silent, []suspect{{cause: crawls}}, s)
		}
		return ""
	}
	w.still += waited
	w.samples++
	w.suspect(s.busy, waited)
	if blame := w.blame(); len(blame) > 0 {
		return describe(w.still, blame, s)
	}
	return ""
}

// suspect compares those that stop the clock with those that did before.
func (w *watchdog) suspect(busy []goroutine, waited time.Duration) {
	now := make(map[string]suspect, len(busy))
	for _, g := range busy {
		before := w.suspects[g.id]
		next := suspect{goroutine: g, cause: causeOf(g), samples: before.samples + 1, there: 1, blocked: waited}
		if before.state == g.state && before.stack == g.stack {
			next.there, next.blocked = before.there+1, before.blocked+waited
		}
		now[g.id] = next
		if place := g.place(); (next.cause == socket || next.cause == child) && !w.noted[place] {
			w.noted[place] = true
			w.note(string(next.cause) + "\n" + g.String())
		}
	}
	w.suspects = now
}

// blame returns the suspects that have been blocked at one place for too long;
// or, when the bubble has stood still for too long without such, those that
// were busy all the time, or that keep one another busy.
func (w *watchdog) blame() (blame []suspect) {
	for _, s := range w.suspects {
		limit := w.limit
		if s.cause == socket {
			limit = min(limit, socketLimit)
		}
		if s.cause != computes && s.there >= samplesOfBlocked && s.blocked >= limit {
			blame = append(blame, s)
		}
	}
	if len(blame) > 0 || w.still < w.limit || w.samples < samplesOfBusy {
		return blame
	}
	for _, s := range w.suspects {
		if s.there < samplesOfBlocked {
			s.cause = computes
		}
		if s.samples == w.samples {
			blame = append(blame, s)
		}
	}
	if len(blame) == 0 {
		for _, s := range w.suspects {
			s.cause = computes
			blame = append(blame, s)
		}
	}
	return blame
}

// describe puts a hang into words: each cause with the goroutines to blame, and
// then the others that are the user's.
func describe(stood time.Duration, blame []suspect, s sample) string {
	slices.SortFunc(blame, func(a, b suspect) int {
		if c := strings.Compare(string(a.cause), string(b.cause)); c != 0 {
			return c
		}
		return strings.Compare(a.id, b.id)
	})
	var b strings.Builder
	fmt.Fprintf(&b, "no progress for %s of real time.", stood.Round(time.Millisecond))
	var told cause
	shown := map[string]bool{}
	for _, g := range blame {
		if g.cause != told {
			told = g.cause
			b.WriteString("\n" + string(told))
		}
		if shown[g.id] = true; g.id != "" {
			b.WriteString("\n" + g.String())
		}
	}
	title := "\nOther goroutines of the program:"
	for _, g := range slices.Concat(s.busy, s.durable) {
		if g.ofUser() && !shown[g.id] {
			b.WriteString(title + "\n" + g.String())
			title = ""
		}
	}
	return b.String()
}
