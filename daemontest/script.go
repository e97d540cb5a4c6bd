package daemontest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/core/host"
	"github.com/evertick/evertick/daemontest/internal/world"
)

// Script says how Execute behaves, iteration by iteration; iterations are
// numbered from 1 over all generations of the process. The zero value stands for
// the daemon's own Execute. Each method returns a new Script; where several
// rules fit an iteration, the last one counts.
type Script struct {
	base  act
	rules []rule
}

// act is what one iteration does.
type act struct {
	kind  actKind
	takes time.Duration
	err   error
	value any // of a panic
	do    core.Func
}

type actKind int

const (
	actDeclared actKind = iota // no script
	actTake
	actFail
	actPanic
	actHang
	actDo
)

type rule struct {
	from, to int64 // to 0: for ever
	act      act
	maybe    bool   // no iteration need be the rule's
	words    string // the rule as it is written
}

// noRule is the place of a rule that is not one.
const noRule = -1

// Takes is an Execute that takes d of the world's time and then succeeds. It
// ends early with its context.
func Takes(d time.Duration) Script { return Script{base: act{kind: actTake, takes: d}} }

// Instantly is an Execute that takes no time at all.
func Instantly() Script { return Takes(0) }

// Does is an Execute that runs f.
func Does(f core.Func) Script { return Script{base: act{kind: actDo, do: f}} }

func (s Script) with(words string, from, to int64, a act) Script {
	words = fmt.Sprintf("%s(%d, …)", words, from)
	s.rules = append(s.rules[:len(s.rules):len(s.rules)], rule{from: from, to: to, act: a, words: words})
	return s
}

// Maybe says of the latest rule that the life may end before any iteration is
// the rule's. A rule that was never met is a miss otherwise. It panics where
// there is no rule.
func (s Script) Maybe() Script {
	if len(s.rules) == 0 {
		panic("daemontest: Script.Maybe is for the rule before it, and there is none")
	}
	s.rules = slices.Clone(s.rules)
	s.rules[len(s.rules)-1].maybe = true
	return s
}

// Except lets iteration n take d.
func (s Script) Except(n int64, d time.Duration) Script {
	return s.with("Except", n, n, act{kind: actTake, takes: d})
}

// ExceptFrom lets iteration n and all later ones take d.
func (s Script) ExceptFrom(n int64, d time.Duration) Script {
	return s.with("ExceptFrom", n, 0, act{kind: actTake, takes: d})
}

// FailsAt lets iteration n return err at once.
func (s Script) FailsAt(n int64, err error) Script {
	return s.with("FailsAt", n, n, act{kind: actFail, err: err})
}

// FailsFrom lets iteration n and all later ones return err at once.
func (s Script) FailsFrom(n int64, err error) Script {
	return s.with("FailsFrom", n, 0, act{kind: actFail, err: err})
}

// PanicsAt lets iteration n panic with value.
func (s Script) PanicsAt(n int64, value any) Script {
	return s.with("PanicsAt", n, n, act{kind: actPanic, value: value})
}

// DoesAt lets iteration n run f.
func (s Script) DoesAt(n int64, f core.Func) Script {
	return s.with("DoesAt", n, n, act{kind: actDo, do: f})
}

// HangsAt lets iteration n ignore its context and never return.
func (s Script) HangsAt(n int64) Script { return s.with("HangsAt", n, n, act{kind: actHang}) }

// ownExecute reports whether code of the user's own may run in an iteration.
func (s Script) ownExecute() bool {
	if s.base.kind == actDeclared || s.base.kind == actDo {
		return true
	}
	return slices.ContainsFunc(s.rules, func(r rule) bool { return r.act.kind == actDo })
}

// at returns what iteration n does, and the place of the rule that says so.
func (s Script) at(n int64) (a act, rule int) {
	for i := len(s.rules) - 1; i >= 0; i-- {
		if r := s.rules[i]; n >= r.from && (r.to == 0 || n <= r.to) {
			return r.act, i
		}
	}
	return s.base, noRule
}

// play returns the Execute of the script in a generation, where the daemon has
// declared the given one.
func (s Script) play(g *world.Generation, met *met, declared host.Execute) host.Execute {
	return func(ctx context.Context) error {
		d := g.Daemon()
		a, rule := s.at(d.Iteration())
		if rule != noRule {
			met.rule(rule)
		}
		switch a.kind {
		case actDeclared:
			return declared(ctx)
		case actFail:
			return a.err
		case actPanic:
			panic(a.value)
		case actHang:
			return g.Hang()
		case actDo:
			return a.do(ctx, d)
		default:
			return g.Work(ctx, a.takes)
		}
	}
}
