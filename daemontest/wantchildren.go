package daemontest

import (
	"fmt"

	"github.com/evertick/evertick/daemontest/internal/timeline"
)

// tasks returns the names of the tasks that were forked.
func (r *Result) tasks() (names []string) {
	for _, c := range r.world.children("") {
		names = append(names, c.Task())
	}
	return names
}

// noChild is a miss of a child that was never started.
func (r *Result) noChild(want, task string) *miss {
	near := nearest(task, r.tasks())
	if task == "" {
		return missed(isFork, "%s, got no child at all", want)
	}
	return missed(isFork, "%s, got no child of the task %q%s", want, task, near)
}

// Forks wants n children of the task to have been started, by all programs
// together; of all tasks where its name is empty.
func Forks(task string, n int) Expectation {
	return func(r *Result) *miss {
		got := len(r.world.children(task))
		switch got {
		case n:
			return nil
		case 0:
			return r.noChild(fmt.Sprintf("want %d children", n), task)
		}
		return missed(isFork, "want %d children of the task %q, got %d", n, task, got)
	}
}

// ChildrenGone wants children to have been started, and no one to live in the
// end, nor what one of them has left in its process group.
func ChildrenGone() Expectation {
	return func(r *Result) *miss {
		all := r.world.children("")
		if len(all) == 0 {
			return r.noChild("want children that are gone in the end", "")
		}
		for _, c := range all {
			if c.Alive() {
				return missed(isFork, "want no child in the end, got %s, which lives", c)
			}
			if c.LeftAlive() {
				return missed(isFork, "want no child in the end, got a process that was left by %s", c)
			}
		}
		return nil
	}
}

// AtMostChildren wants never more than n children of the task to have lived at
// once, and one to have lived; of all tasks where its name is empty.
func AtMostChildren(task string, n int) Expectation {
	return func(r *Result) *miss {
		all := r.world.children(task)
		if len(all) == 0 {
			return r.noChild(fmt.Sprintf("want at most %d children at once", n), task)
		}
		most, now := 0, map[int]bool{}
		pids := map[int]bool{}
		for _, c := range all {
			pids[c.PID()] = true
		}
		var over timeline.Entry
		r.timeline().Each(func(e timeline.Entry) {
			switch {
			case !pids[e.PID]:
			case e.Kind == timeline.Fork:
				now[e.PID] = true
				if len(now) > most {
					most, over = len(now), e
				}
			case e.Kind == timeline.End:
				delete(now, e.PID)
			}
		})
		if most > n {
			return missed(func(e timeline.Entry) bool { return e == over }, "want at most %d children at once, got %d", n, most)
		}
		return nil
	}
}

// ChildEnds wants child n of the task, counted from 1 over all programs, to end
// so: "exit status 1", "killed by SIGKILL". A child that ends otherwise than with
// status 0 fails the scenario where nobody has spoken of it: neither its script,
// nor a signal, nor this.
func ChildEnds(task string, n int, how string) Expectation {
	return func(r *Result) *miss {
		for _, c := range r.world.children(task) {
			if c.Number() != n {
				continue
			}
			r.asked.speakOfChild(c)
			switch exit, _, _ := c.Exit(); {
			case c.Alive():
				return missed(endOf(c.PID()), "want %s to end with %s, got one that lives", c, how)
			case exit.String() != how:
				return missed(endOf(c.PID()), "want %s to end with %s, got %s", c, how, exit)
			}
			return nil
		}
		return r.noChild(fmt.Sprintf("want child %d to end with %s", n, how), task)
	}
}
