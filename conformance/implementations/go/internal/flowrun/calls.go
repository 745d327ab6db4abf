package flowrun

import (
	"slices"
	"strconv"

	"gritstone.example/implementation/internal/flow"
	"gritstone.example/implementation/internal/grit"
)

// place is a node or a sub of it.
type place struct{ node, sub string }

// key is the key of a place in flight, sent and timers.
func (p place) key() string {
	if p.sub != "" {
		return p.sub
	}
	return p.node
}

func (p place) members(more ...flow.Member) []flow.Member {
	members := append(more, is("node", p.node))
	if p.sub != "" {
		members = append(members, is("sub", p.sub))
	}
	return members
}

func (p place) failure(class, why string) *failure {
	return &failure{class: class, node: p.node, sub: p.sub, why: why}
}

// call is a call of the program: a node, or a sub of the open parallel.
type call struct {
	place
	*flow.Work
	sub  *flow.Sub // nil for a node
	tool *flow.Tool
}

// callOf returns the call with a key in flight.
func (r *run) callOf(key string) *call {
	n := r.program.Nodes[r.state.at]
	c := &call{place: place{node: r.state.at}, Work: &n.Work}
	if n.Kind == "parallel" {
		c.sub = n.Sub(key)
		c.place.sub, c.Work = key, &c.sub.Work
	}
	c.tool = r.policy.Tools[c.Tool]
	return c
}

// dispatch sends an attempt, or not: flow.policy.every-path. It returns the node that is entered next.
func (r *run) dispatch(c *call, attempt int64) string {
	env := r.environment(nil, c)
	value, err := flow.Render(c.Args, env)
	if err != nil {
		return r.failed(c, c.failure(wrong(err), ""))
	}
	args := value.(flow.Map)
	request := flow.NewMap(c.members(
		is("flow", int64(1)), is("visit", r.state.visit), is("tool", c.Tool), is("args", args),
	)...)
	if !flow.Fits(request) {
		return r.failed(c, c.failure("size", ""))
	}
	if why := r.denies(c, args); why != "" {
		r.event("denied", c.members(is("tool", c.Tool), is("why", why))...)
		return r.failed(c, c.failure("denied", why))
	}
	begins := c.sub != nil && attempt == 1
	if class := r.overBudget(c, begins); class != "" {
		return r.limited(c, class)
	}
	if begins {
		r.state.steps++
	}
	r.state.calls++
	r.state.reserved += c.tool.Cost
	r.event("called", c.members(is("tool", c.Tool), is("attempt", attempt), is("args", flow.Digest(flow.Encode(args))))...)
	headers := []grit.Header{{Key: "mt", Value: "flow.call"}, {Key: "attempt", Value: strconv.FormatInt(attempt, 10)}}
	packet := r.packet(request, map[string]grit.ID{"program": r.core["program"], "policy": r.core["policy"]})
	r.send(r.peer(c.tool.Peer), headers, packet)
	r.entries("sent")[c.key()] = packet
	r.state.flight[c.key()] = &flight{called, attempt}
	if c.TimeoutMs > 0 {
		r.startTimer(c.place, attempt, "timeout", c.TimeoutMs)
	}
	return ""
}

// denies returns why the policy denies a call, or nothing: flow.policy.refs, flow.policy.when, flow.erase.denied.
func (r *run) denies(c *call, args flow.Map) string {
	for _, member := range args {
		refs := map[string]bool{}
		flow.Refs(member.Value, refs)
		if len(refs) == 0 {
			continue
		}
		if !slices.Contains(c.tool.Refs, member.Key) {
			return "ref"
		}
		erased := r.erasedNames()
		for ref := range refs {
			if erased[ref] {
				return "erased"
			}
		}
	}
	if c.tool.When == nil {
		return ""
	}
	expression, err := flow.ParseExpression(*c.tool.When)
	must(err)
	value, err := expression.Holds(r.environment(args, nil))
	if err != nil {
		wrong(err)
	}
	if err != nil || !value {
		return "when"
	}
	return ""
}

// overBudget returns the class of the first limit that an attempt would exceed, or nothing.
func (r *run) overBudget(c *call, begins bool) string {
	switch {
	case r.exceeds("calls", r.state.calls+1):
		return "calls"
	case r.exceeds("tokens", r.state.tokens+r.state.reserved+c.tool.Cost):
		return "tokens"
	case begins && r.exceeds("steps", r.state.steps+1):
		return "steps"
	}
	return ""
}

// limited ends the flow at a limit, or stops the parallel.
func (r *run) limited(c *call, class string) string {
	f := c.failure(class, "")
	if c.sub == nil {
		return r.finish(budgetExceeded, f)
	}
	f.budget = true
	r.closeSub(c, false)
	r.stop(f)
	return ""
}

// failed ends a call with a failure.
func (r *run) failed(c *call, f *failure) string {
	if c.sub == nil {
		return r.fail(c.node, f)
	}
	r.failSub(c, f)
	return ""
}

// startTimer sends a timer and puts it in the place of the one before.
func (r *run) startTimer(p place, attempt int64, why string, ms int64) {
	timing := flow.NewMap(p.members(is("flow", int64(1)), is("visit", r.state.visit), is("attempt", attempt),
		is("ms", ms), is("why", why))...)
	r.entries("timers")[p.key()] = r.sendPacket(r.peer(r.policy.Timer), "flow.timer", timing, nil)
	r.event("timer", p.members(is("why", why), is("ms", ms))...)
}

// settle ends an attempt: flow.budget.tokens.
func (r *run) settle(c *call, attempt int64, outcome string, usage flow.Value, more ...flow.Member) {
	if r.state.flight[c.key()].phase != backoff {
		r.state.reserved -= c.tool.Cost
	}
	tokens, given := usage.(int64)
	if !given {
		tokens = c.tool.Cost
	}
	r.state.tokens += tokens
	r.event("settled", c.members(append(more, is("attempt", attempt), is("outcome", outcome), is("usage", tokens))...)...)
}

const longestDelay = 30_000 // milliseconds

// tryAgain sends the next attempt, at once or later, or gives up: flow.retry.schedule.
func (r *run) tryAgain(c *call, f *failure) string {
	now := r.state.flight[c.key()]
	if now.attempt >= c.MaxAttempts || r.state.stop != nil {
		return r.failed(c, f)
	}
	delay := min(c.BackoffMs<<(now.attempt-1), longestDelay)
	if delay == 0 {
		return r.dispatch(c, now.attempt+1)
	}
	now.phase = backoff
	r.startTimer(c.place, now.attempt, "backoff", delay)
	return ""
}

// succeed is the output of a call.
func (r *run) succeed(c *call, value flow.Value) string {
	if c.sub == nil {
		return r.leave(c.node, value)
	}
	r.closeSub(c, true)
	r.entries("part")[c.key()] = r.makeDocument(value)
	return ""
}

// after pumps if a sub of the open parallel was changed.
func (r *run) after(c *call, next string) string {
	if c.sub == nil {
		return next
	}
	return r.pump(c.node, r.program.Nodes[c.node])
}

// accepted takes a value: its refs and its fact.
func (r *run) accepted(c *call, value flow.Value, refs grit.ID) {
	r.addRefs(refs)
	if r.factTools()[c.Tool] {
		r.entries("facts")[c.Tool] = r.makeDocument(value)
	}
}

func (r *run) addRefs(refs grit.ID) {
	if refs == grit.None {
		return
	}
	known := r.entries("refs")
	for name, id := range r.treeOf(refs) {
		known[name] = id
	}
}

// factTools returns the tools that some when of the policy names.
func (r *run) factTools() map[string]bool {
	if r.facts == nil {
		r.facts = map[string]bool{}
		for _, tool := range r.policy.Tools {
			if tool.When == nil {
				continue
			}
			expression, err := flow.ParseExpression(*tool.When)
			must(err)
			for _, path := range expression.Paths {
				if path.Namespace == "tool" {
					r.facts[path.Segments[0]] = true
				}
			}
		}
	}
	return r.facts
}
