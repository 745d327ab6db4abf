package flowrun

import (
	"cmp"
	"slices"

	"gritstone.example/implementation/internal/flow"
	"gritstone.example/implementation/internal/grit"
	"gritstone.example/implementation/internal/wit"
)

// wut describes a flow: flow.query.wut.
const wut = `{"messages":{"flow.cancel":{"content":"tree"},"flow.erase":{"content":"tree"},"flow.erased":{"content":"tree"},` +
	`"flow.event":{"content":"tree"},"flow.fired":{"content":"tree"},"flow.replan":{"content":"tree"},` +
	`"flow.result":{"content":"tree"},"flow.start":{"content":"tree"},"receipt":{"content":"blob"}},"name":"flow",` +
	`"queries":{"accepts":{"args":"none","returns":"blob"},"state":{"args":"none","returns":"blob"},` +
	`"trace":{"args":"none","returns":"blob"},"wut":{"args":"none","returns":"blob"}},"wut":1}`

// Query answers a query of a flow: flow.query.state.
func (Code) Query(q *wit.Query) (answer grit.ID, err error) {
	defer caught(&err)
	v := newView(q.Overlay, q.Step.Actor)
	if !v.isFlow(q.Step.Actor) {
		return grit.None, failed("the actor did not begin as a flow")
	}
	switch q.Name {
	case "state":
		return v.treeOf(q.Step.Core)["state"], nil
	case "trace":
		return v.answer(documentOf(flow.Encode(v.trace(q.StepID)))), nil
	case "accepts":
		r := &run{view: v, core: v.treeOf(q.Step.Core), trees: map[string]map[string]grit.ID{}}
		r.resume()
		return v.answer(documentOf(flow.Encode(r.accepts()))), nil
	case "wut":
		return v.answer(&grit.Object{
			Kind: grit.Blob, Headers: []grit.Header{{Key: "ct", Value: "j"}}, Data: []byte(wut),
		}), nil
	}
	return grit.None, nil
}

// answer makes an object; one that is too long is a failure.
func (v *view) answer(object *grit.Object) grit.ID {
	id, err := v.overlay.Make(object)
	if grit.IsRefusal(err, "exhausted") {
		err = failed("%s", err)
	}
	must(err)
	return id
}

// trace returns the canonical trace at a step: flow.trace.exact.
func (v *view) trace(step grit.ID) flow.List {
	var cores []grit.ID
	for id := step; id != grit.None; {
		object := v.load(id)
		if object.Kind != grit.Step {
			must(failed("a step before is a %s", object.Kind))
		}
		cores, id = append(cores, object.Core), object.Previous
	}
	events := flow.List{}
	for i := len(cores) - 1; i >= 0; i-- {
		if i+1 < len(cores) && cores[i] == cores[i+1] {
			continue
		}
		for _, event := range v.stateFields(v.treeOf(cores[i])).list("log") {
			if m, ok := event.(flow.Map); ok && fields(m).text("e") != "ignored" {
				events = append(events, event)
			}
		}
	}
	sortSubs(events)
	return events
}

// sortSubs sorts each sequence of events with a sub by the sub.
func sortSubs(events flow.List) {
	sub := func(event flow.Value) string { return fields(event.(flow.Map)).text("sub") }
	for first := 0; first < len(events); {
		last := first
		for last < len(events) && sub(events[last]) != "" {
			last++
		}
		slices.SortStableFunc(events[first:last], func(a, b flow.Value) int { return flow.CompareKeys(sub(a), sub(b)) })
		first = max(last, first+1)
	}
}

// admissible is an element of accepts.
type admissible struct {
	mt    string
	place place
	peers []string
	more  []flow.Member
}

// accepts lists the messages that the flow does not ignore now: flow.query.accepts.
func (r *run) accepts() flow.List {
	list := flow.List{}
	if r.state.status == rejected {
		return list
	}
	found := append(r.acceptedAtNode(), r.acceptedAlways()...)
	found = slices.DeleteFunc(found, func(a admissible) bool { return len(a.peers) == 0 && a.mt != "flow.start" })
	slices.SortFunc(found, func(a, b admissible) int {
		return cmp.Or(cmp.Compare(a.mt, b.mt), cmp.Compare(a.place.node, b.place.node), cmp.Compare(a.place.sub, b.place.sub))
	})
	for _, a := range found {
		members := append(a.more, is("mt", a.mt))
		if a.place.node != "" {
			members = a.place.members(members...)
		}
		if len(a.peers) > 0 {
			names := slices.Clone(a.peers)
			slices.SortFunc(names, flow.CompareKeys)
			members = append(members, is("peers", listOf(names)))
		}
		list = append(list, flow.NewMap(members...))
	}
	return list
}

// one returns the list of a peer that the policy may lack.
func one(peer string) []string {
	if peer == "" {
		return nil
	}
	return []string{peer}
}

func (r *run) acceptedAtNode() (found []admissible) {
	visit := is("visit", r.state.visit)
	at := func(key string) place {
		if r.openKind() == "parallel" {
			return place{r.state.at, key}
		}
		return place{node: key}
	}
	for key, open := range r.state.flight {
		p := at(key)
		if open.phase == waiting {
			event := r.program.Nodes[key].Event
			found = append(found, admissible{"flow.event", p, r.policy.Events[event], []flow.Member{visit, is("event", event)}})
			continue
		}
		found = append(found,
			admissible{"flow.result", p, one(r.callOf(key).tool.Peer), []flow.Member{visit, is("attempts", open.attempt)}},
			admissible{"receipt", p, one(r.policy.Agent), []flow.Member{visit}})
	}
	for key := range r.entries("timers") {
		found = append(found, admissible{"flow.fired", at(key), one(r.policy.Timer), []flow.Member{visit}})
	}
	return found
}

func (r *run) acceptedAlways() (found []admissible) {
	add := func(mt string, peers []string) { found = append(found, admissible{mt: mt, peers: peers}) }
	control, status := r.policy.Control, r.state.status
	if status == planned {
		add("flow.start", nil)
	}
	if status == running || status == suspended {
		add("flow.cancel", control["cancel"])
	}
	erased := r.erasedNames()
	for name := range r.entries("refs") {
		if !erased[name] {
			add("flow.erase", control["erase"])
			break
		}
	}
	if len(erased) > 0 {
		add("flow.erased", one(r.policy.Eraser))
	}
	interrupted := status == budgetExceeded || status == stalled
	if interrupted && r.core["next"] == grit.None && r.replansLeft() {
		add("flow.replan", control["replan"])
	}
	return found
}
