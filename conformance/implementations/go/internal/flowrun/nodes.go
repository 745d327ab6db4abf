package flowrun

import (
	"errors"

	"gritstone.example/implementation/internal/flow"
	"gritstone.example/implementation/internal/grit"
)

// enter enters a node, and then each one that follows, until a node is open or the flow has ended.
func (r *run) enter(name string) {
	for name != "" {
		name = r.enterOne(name)
	}
}

// enterOne returns the node that is entered next, or nothing.
func (r *run) enterOne(name string) string {
	if status, class := r.bound(name); class != "" {
		return r.finish(status, &failure{class: class, node: name})
	}
	visit := int64(1)
	r.state.steps++
	if r.state.visits != nil {
		r.state.visits[name]++
		visit = r.state.visits[name]
	}
	r.moves++
	r.entered++
	r.event("entered", is("node", name), is("visit", visit))
	n := r.program.Nodes[name]
	switch n.Kind {
	case "branch":
		return r.branch(name, n)
	case "end":
		return r.end(name, n)
	}
	r.state.at, r.state.visit, r.state.flight = name, visit, map[string]*flight{}
	switch n.Kind {
	case "call":
		return r.dispatch(r.callOf(name), 1)
	case "parallel":
		r.state.done = map[string]bool{}
		return r.pump(name, n)
	}
	r.event("waiting", is("node", name), is("event", n.Event))
	r.state.flight[name] = &flight{phase: waiting}
	if n.TimeoutMs > 0 {
		r.startTimer(place{node: name}, 1, "wait", n.TimeoutMs)
	}
	return ""
}

// bound returns with which status and class the flow ends before it enters a node, if it does.
func (r *run) bound(name string) (status, class string) {
	smaller := func(limit string) int64 { return min(r.program.Limits[limit], r.policy.Limits[limit]) }
	switch {
	case r.moves >= nodesOfMessage:
		return budgetExceeded, "moves"
	case r.state.idle >= smaller("max_stalled"):
		return stalled, "stalled"
	case r.state.visits != nil && r.state.visits[name] >= smaller("max_visits"):
		return budgetExceeded, "visits"
	case r.exceeds("steps", r.state.steps+1):
		return budgetExceeded, "steps"
	}
	return "", ""
}

// exceeds compares a number with the limits of the program and of the policy: flow.budget.both.
func (r *run) exceeds(what string, number int64) bool {
	carried := r.carried(what) // it is needed, whichever limit is exceeded: flow.step.erased
	return number > r.program.Limits["max_"+what] || carried > r.policy.Limits["max_"+what]-number
}

// carried returns a number of carry, 0 if there is none.
func (r *run) carried(what string) int64 {
	id := r.core["carry"]
	if id == grit.None {
		return 0
	}
	m, _ := r.value(id).(flow.Map)
	return fields(m).number(what)
}

// branch leaves by the exit that its expression determines: flow.step.exits.
func (r *run) branch(name string, n *flow.Node) string {
	expression, err := flow.ParseExpression(n.If)
	must(err)
	value, err := expression.Holds(r.environment(nil, nil))
	if err != nil {
		return r.finish(statusFailed, &failure{class: wrong(err), node: name})
	}
	taken := n.Else
	if value {
		taken = n.Then
	}
	r.event("decided", is("node", name), is("taken", taken))
	r.output(name, value)
	return taken
}

func wrong(err error) string {
	var of flow.Wrong
	if !errors.As(err, &of) {
		must(err)
	}
	return string(of)
}

func (r *run) end(name string, n *flow.Node) string {
	var output flow.Value
	if n.HasOutput {
		var err error
		if output, err = flow.Render(n.Output, r.environment(nil, nil)); err != nil {
			return r.finish(statusFailed, &failure{class: wrong(err), node: name})
		}
	}
	status, f := succeeded, (*failure)(nil)
	if !n.Succeeds {
		status, f = statusFailed, &failure{class: "ended", node: name}
	}
	if n.HasOutput && !flow.Fits(report(status, f, output, true)) {
		return r.finish(statusFailed, &failure{class: "size", node: name})
	}
	r.state.output, r.state.hasOutput = output, n.HasOutput
	return r.finish(status, f)
}

func report(status string, f *failure, output flow.Value, hasOutput bool) flow.Value {
	members := []flow.Member{is("flow", int64(1)), is("status", status)}
	if f != nil {
		members = append(members, is("failure", f.value()))
	}
	if hasOutput {
		members = append(members, is("output", output))
	}
	return flow.NewMap(members...)
}

// finish ends the flow; state.output is set before: flow.status.report. It enters no node.
func (r *run) finish(status string, f *failure) string {
	r.close()
	r.state.reserved, r.state.status, r.state.failure = 0, status, f
	r.event("ended", is("status", status))
	r.sendPacket(r.core["starter"], "flow.report", report(status, f, r.state.output, r.state.hasOutput), nil)
	return ""
}

// close closes the open node, if there is one.
func (r *run) close() {
	if r.state.at == "" {
		return
	}
	r.state.at, r.state.visit, r.state.flight, r.state.done, r.state.stop = "", 0, nil, nil, nil
	for _, name := range []string{"part", "sent", "timers"} {
		r.trees[name] = map[string]grit.ID{}
	}
}

// output sets the output of a node: flow.budget.stalled.
func (r *run) output(name string, value flow.Value) {
	id := r.makeDocument(value)
	if out := r.entries("out"); out[name] == id {
		r.state.idle++
	} else {
		out[name], r.state.idle = id, 0
	}
}

// leave closes a node with an output, and returns the node that is entered next.
func (r *run) leave(name string, value flow.Value) string {
	r.output(name, value)
	r.close()
	return r.program.Nodes[name].Next
}

// fail closes a node with a failure, and returns the node that is entered next.
func (r *run) fail(name string, f *failure) string {
	r.event("failed", is("node", name), is("failure", f.cause()))
	r.state.idle++
	r.close()
	if next := r.program.Nodes[name].OnError; next != "" {
		return next
	}
	return r.finish(statusFailed, f)
}

// cause returns the class and why of a failure, as an event has them.
func (f *failure) cause() flow.Value {
	return (&failure{class: f.class, why: f.why}).value()
}

// environment returns the data that expressions and templates read.
func (r *run) environment(args flow.Map, c *call) flow.Lookup {
	return func(namespace, key string) (flow.Value, bool, error) {
		var tree map[string]grit.ID
		switch namespace {
		case "input":
			input, _ := r.value(r.core["input"]).(flow.Map)
			value, found := input.Get(key)
			return value, found, nil
		case "args":
			value, found := args.Get(key)
			return value, found, nil
		case "out":
			tree = r.entries("out")
		case "prior":
			tree = r.entries("prior")
		case "tool":
			tree = r.entries("facts")
		case "dep":
			tree = r.entries("part")
			if done, ended := r.state.done[key]; c != nil && ended && !done {
				return nil, true, nil
			}
		}
		id, found := tree[key]
		if !found {
			return nil, false, nil
		}
		return r.value(id), true, nil
	}
}
