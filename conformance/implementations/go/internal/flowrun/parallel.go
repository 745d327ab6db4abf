package flowrun

import (
	"gritstone.example/implementation/internal/flow"
	"gritstone.example/implementation/internal/grit"
)

// closeSub removes a sub from what is open and records how it ended.
func (r *run) closeSub(c *call, succeeded bool) {
	delete(r.state.flight, c.key())
	delete(r.entries("sent"), c.key())
	delete(r.entries("timers"), c.key())
	r.state.done[c.key()] = succeeded
}

// failSub is the failure of a sub: flow.par.optional.
func (r *run) failSub(c *call, f *failure) {
	r.closeSub(c, false)
	r.event("failed", c.members(is("failure", f.cause()))...)
	if !c.sub.Optional && r.state.stop == nil {
		r.stop(f)
	}
}

// stop ends the parallel when its calls have ended: flow.par.stop.
func (r *run) stop(f *failure) {
	r.state.stop = f
	for _, sub := range r.program.Nodes[r.state.at].Subs {
		if open := r.state.flight[sub.Name]; open != nil && open.phase == backoff {
			c := r.callOf(sub.Name)
			r.failSub(c, c.failure("stopped", ""))
		}
	}
}

// pump calls the subs that may begin: flow.par.order, flow.par.progress. It returns the node that is entered next.
func (r *run) pump(name string, n *flow.Node) string {
	for r.state.stop == nil && len(r.state.flight) < n.Width {
		sub := r.ready(n)
		if sub == "" {
			break
		}
		r.dispatch(r.callOf(sub), 1)
	}
	if len(r.state.flight) > 0 {
		return ""
	}
	return r.join(name, n)
}

// ready returns the first sub that may begin: flow.par.depends.
func (r *run) ready(n *flow.Node) string {
	for _, sub := range n.Subs {
		_, ended := r.state.done[sub.Name]
		if ended || r.state.flight[sub.Name] != nil {
			continue
		}
		free := true
		for _, other := range sub.DependsOn {
			_, done := r.state.done[other]
			free = free && done
		}
		if free {
			return sub.Name
		}
	}
	return ""
}

// join ends the parallel.
func (r *run) join(name string, n *flow.Node) string {
	if stop := r.state.stop; stop != nil {
		f := *stop
		f.budget = false
		if stop.budget {
			return r.finish(budgetExceeded, &f)
		}
		return r.fail(name, &f)
	}
	outputs := flow.Map{}
	part := r.entries("part")
	for _, sub := range n.Subs {
		var value flow.Value
		if id := part[sub.Name]; id != grit.None {
			value = r.value(id)
		}
		outputs = append(outputs, is(sub.Name, value))
	}
	if !flow.Fits(outputs) {
		return r.fail(name, &failure{class: "size", node: name})
	}
	return r.leave(name, outputs)
}
