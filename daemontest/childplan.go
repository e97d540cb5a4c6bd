package daemontest

import (
	"slices"

	"github.com/evertick/evertick/daemontest/internal/world"
	"github.com/evertick/evertick/forker"
)

// do does the deeds, and returns how the child ends; nil where they leave that open.
func (s ChildScript) do(w *world.World, c *world.Child) *childEnd {
	for _, deed := range s.deeds {
		if end := deed(w, c); end != nil {
			return end
		}
	}
	return nil
}

// plan returns the script of one child as a world has it.
func (s ChildScript) plan(w *world.World, met *met) world.ChildPlan {
	p := world.ChildPlan{Refusal: s.refusal, IgnoresTerm: s.ignoresTerm}
	if len(s.deeds) > 0 {
		p.Run = func(c *world.Child) {
			c.Say(forker.Message{Kind: forker.Began})
			if end := s.do(w, c); end != nil {
				if end.outcome.Kind != 0 {
					c.Say(end.outcome)
				}
				c.End(end.exit)
			}
		}
	}
	if len(s.calls) > 0 {
		p.Call = func(c *world.Child, method string) (forker.Message, bool) { return s.call(w, c, met, method) }
	}
	return p
}

// call does what the script says of one more call of a method.
func (s ChildScript) call(w *world.World, c *world.Child, met *met, method string) (outcome forker.Message, done bool) {
	n := met.call(c.Task(), method)
	for i, r := range slices.Backward(s.calls) {
		if r.method != method || r.n != 0 && r.n != n {
			continue
		}
		met.child(c.Task(), callRulePlace(i))
		switch end := r.script.do(w, c); {
		case end == nil:
			return forker.Message{}, false
		case end.outcome.Kind != 0:
			return end.outcome, true
		default:
			c.End(end.exit)
			return forker.Message{}, true
		}
	}
	return forker.Message{}, false
}

// callRulePlace is the place of a rule for calls among the others, for met.
func callRulePlace(i int) int { return noRule - 1 - i }
