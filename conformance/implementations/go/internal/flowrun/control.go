package flowrun

import (
	"maps"
	"math"
	"slices"
	"strconv"

	"gritstone.example/implementation/internal/flow"
	"gritstone.example/implementation/internal/grit"
)

// attemptMessage finds the message of the current attempt of a call in the channel to its peer. Only messages that were
// sent later are between it and the tip.
func (r *run) attemptMessage(c *call, packet grit.ID) grit.ID {
	attempt := strconv.FormatInt(r.state.flight[c.key()].attempt, 10)
	for id := r.outbox[r.peer(c.tool.Peer)]; id != grit.None; {
		message := r.load(id)
		if message.Content == packet && message.Header("attempt") == attempt {
			return id
		}
		id = message.Previous
	}
	return grit.None
}

// resumed judges a flow.event: flow.wait.bound.
func (r *run) resumed(a *arrival) (string, effect) {
	if r.openKind() != "wait" {
		return "not-waiting", nil
	}
	name := r.state.at
	event, doc := r.program.Nodes[name].Event, r.doc(a)
	if !r.isPeer(a.sender, r.policy.Events[event]) {
		return "wrong-sender", nil
	}
	bound := a.packet["flow"] == r.actor && a.packet["program"] == r.core["program"]
	bound = bound && a.packet["policy"] == r.core["policy"]
	if !bound || doc.text("node") != name || doc.number("visit") != r.state.visit || doc.text("event") != event {
		return "wrong-binding", nil
	}
	value, refs := doc.any("value"), a.packet["refs"]
	if !r.fits(refs, value) {
		return "unknown-ref", nil
	}
	return "", func() string {
		r.event("resumed", is("node", name), is("event", event), is("value", flow.Digest(flow.Encode(value))))
		r.addRefs(refs)
		return r.leave(name, value)
	}
}

// misdirected is the first reason of a message of the control: its sender, or the flow that it names.
func (r *run) misdirected(a *arrival, control string) string {
	switch {
	case !r.isPeer(a.sender, r.policy.Control[control]):
		return "wrong-sender"
	case a.packet["flow"] != r.actor:
		return "wrong-binding"
	}
	return ""
}

func (r *run) cancelled(a *arrival) (string, effect) {
	if reason := r.misdirected(a, "cancel"); reason != "" {
		return reason, nil
	}
	return "", func() string { return r.finish(statusFailed, &failure{class: "cancelled", node: r.state.at}) }
}

// started judges a flow.start: flow.replan.heir.
func (r *run) started(a *arrival) (string, effect) {
	switch {
	case r.state.status != planned:
		return "not-planned", nil
	case a.sender != r.core["from"]:
		return "wrong-sender", nil
	case a.packet["flow"] != r.actor:
		return "wrong-binding", nil
	}
	return "", func() string {
		r.admit()
		return ""
	}
}

func listOf(names []string) flow.List {
	list := flow.List{}
	for _, name := range names {
		list = append(list, name)
	}
	return list
}

// erases judges a flow.erase: flow.erase.asked.
func (r *run) erases(a *arrival) (string, effect) {
	if reason := r.misdirected(a, "erase"); reason != "" {
		return reason, nil
	}
	var fresh []string
	known, names := r.entries("refs"), r.doc(a).texts("refs")
	if slices.ContainsFunc(names, func(name string) bool { return known[name] == grit.None }) {
		return "unknown-ref", nil
	}
	for _, name := range names {
		if !r.erasedNames()[name] {
			fresh = append(fresh, name)
		}
	}
	if len(fresh) == 0 {
		return "erased-before", nil
	}
	return "", func() string {
		r.erase(fresh)
		return ""
	}
}

func (r *run) erase(fresh []string) {
	names, erased := map[string]bool{}, r.erasedNames()
	for _, name := range fresh {
		names[name], erased[name] = true, true
	}
	r.event("erased", is("refs", listOf(fresh)))
	r.core["erased"] = r.makeDocument(listOf(slices.SortedFunc(maps.Keys(erased), flow.CompareKeys)))
	if r.policy.Eraser != "" {
		doc := flow.NewMap(is("flow", int64(1)), is("refs", listOf(fresh)))
		r.sendPacket(r.peer(r.policy.Eraser), "flow.erase", doc, map[string]grit.ID{"refs": r.blobs(names)})
	}
}

// gone judges a flow.erased.
func (r *run) gone(a *arrival) (string, effect) {
	if !r.isPeer(a.sender, []string{r.policy.Eraser}) {
		return "wrong-sender", nil
	}
	request := r.treeOf(a.packet["request"])
	value, ok := r.read(request["doc"])
	if !ok || len(request) != 3 || request["flow"] != r.actor || !flow.IsErase(value) || !r.isTree(request["refs"]) {
		return "unknown-request", nil
	}
	doc := fields(value.(flow.Map))
	known, blobs := r.entries("refs"), r.treeOf(request["refs"])
	names := doc.texts("refs")
	for _, name := range names {
		if !r.erasedNames()[name] || blobs[name] != known[name] {
			return "unknown-request", nil
		}
	}
	if len(blobs) != len(names) {
		return "unknown-request", nil
	}
	return "", func() string {
		r.event("gone", is("refs", listOf(names)))
		return ""
	}
}

func (r *run) replansLeft() bool { return r.carried("replans") < r.policy.Limits["max_replans"] }

// replanned judges a flow.replan: flow.replan.only-interrupted, flow.replan.once.
func (r *run) replanned(a *arrival) (string, effect) {
	if reason := r.misdirected(a, "replan"); reason != "" {
		return reason, nil
	}
	switch {
	case r.state.status != budgetExceeded && r.state.status != stalled:
		return "not-interrupted", nil
	case r.core["next"] != grit.None:
		return "already-continued", nil
	case !r.replansLeft():
		return "no-replans-left", nil
	}
	program := a.packet["program"]
	first := r.successor(program)
	if first == nil || len(r.checkFirst(first).Defects) > 0 {
		return "rejected-plan", nil
	}
	return "", func() string {
		next := r.makeTree(first)
		r.event("continued", is("program", flow.Digest(r.data(program))))
		r.core["next"] = next
		r.send(next, []grit.Header{{Key: "mt", Value: "genesis"}}, next)
		r.send(next, []grit.Header{{Key: "mt", Value: "flow.start"}}, r.makeTree(map[string]grit.ID{"flow": next}))
		return ""
	}
}

// successor returns the first core of the successor, or nil if it has a defect: flow.replan.carries.
func (r *run) successor(program grit.ID) map[string]grit.ID {
	if r.load(program).Erased {
		return nil
	}
	first := map[string]grit.ID{"program": program, "from": r.actor}
	for _, name := range []string{"wit", "wit_query", "name", "policy", "input", "erased", "starter"} {
		first[name] = r.core[name]
	}
	for _, name := range []string{"refs", "facts"} {
		first[name] = r.makeTree(r.entries(name))
	}
	prior := maps.Clone(r.entries("prior"))
	maps.Copy(prior, r.entries("out"))
	first["prior"] = r.makeTree(prior)
	carry := []flow.Member{is("replans", r.carried("replans")+1)}
	for _, sum := range []struct {
		name  string
		spent int64
	}{{"steps", r.state.steps}, {"calls", r.state.calls}, {"tokens", r.state.tokens}} {
		before := r.carried(sum.name)
		if before > math.MaxInt64-sum.spent {
			return nil
		}
		carry = append(carry, is(sum.name, before+sum.spent))
	}
	first["carry"] = r.makeDocument(flow.NewMap(carry...))
	maps.DeleteFunc(first, func(_ string, id grit.ID) bool { return id == grit.None })
	return first
}
