package flowrun

import (
	"gritstone.example/implementation/internal/flow"
	"gritstone.example/implementation/internal/grit"
	"gritstone.example/implementation/internal/wit"
)

// The limits of a step: flow.step.bound, flow.budget.moves.
const (
	messagesOfSender = 64
	nodesOfStep      = 1_000
	nodesOfMessage   = 1_000
)

// Code is the code of flows.
type Code struct{}

func init() { wit.Register(Node, Code{}) }

// RefusesUpdates is true: flow.start.update.
func (Code) RefusesUpdates() bool { return true }

// run is one transition of a flow.
type run struct {
	view
	sought
	core    map[string]grit.ID            // its entries before the step, and those that it sets
	trees   map[string]map[string]grit.ID // entries of the core that are trees and were read
	program *flow.Program
	policy  *flow.Policy
	state   *state
	log     flow.List
	inbox   map[grit.ID]grit.ID
	outbox  map[grit.ID]grit.ID
	moves   int // nodes entered for the current message
	entered int // nodes entered in the step
}

// sought is what a run reads when it first needs it.
type sought struct {
	peers  map[string]grit.ID
	facts  map[string]bool // the tools whose facts are kept
	erased map[string]bool
}

// Transition makes the step of a flow: flow.step.function.
func (Code) Transition(t *wit.Transition) (step grit.ID, err error) {
	defer caught(&err)
	v := newView(t.Overlay, t.Actor)
	if t.Entry != "wit" || !v.isFlow(t.Actor) {
		return grit.None, failed("not the code of an actor that began as a flow")
	}
	r := &run{view: v, core: v.treeOf(t.Core), trees: map[string]map[string]grit.ID{}}
	r.inbox, err = wit.Inbox(t.Overlay, t.LastStep)
	must(err)
	r.outbox, err = wit.Outbox(t.Overlay, t.LastStep)
	must(err)
	last := t.Last
	switch t.Proposal.Kind {
	case wit.Genesis:
		covered := t.Proposal.Covered[0]
		r.inbox[covered.Sender] = covered.Message
		r.begin(covered.Sender)
	case wit.Cleanup:
		covered := t.Proposal.Covered[0]
		if !r.cuts(covered.Sender) {
			return grit.None, nil
		}
		r.inbox[covered.Sender], last = covered.Message, grit.None
		r.event("cut")
	default:
		r.resume()
		r.readAll(t.Proposal.Covered)
	}
	return r.finishStep(last), nil
}

// resume reads the state, and what the flow needs with it.
func (r *run) resume() {
	r.state = readState(r.stateFields(r.core))
	if r.state.status == rejected {
		return
	}
	var err error
	r.program, err = flow.DecodeProgram(r.data(r.core["program"]))
	if err == nil {
		r.policy, err = flow.DecodePolicy(r.data(r.treeOf(r.core["policy"])["doc"]))
	}
	if err != nil {
		must(failed("the core is not one of a flow"))
	}
}

// readAll carries out the covered messages in their order: flow.step.order, flow.step.bound.
func (r *run) readAll(covered []wit.Covered) {
	read := map[grit.ID]int{}
	for _, c := range covered {
		if r.entered >= nodesOfStep {
			return
		}
		if read[c.Sender] == messagesOfSender {
			continue
		}
		read[c.Sender]++
		r.inbox[c.Sender] = c.Message
		r.moves = 0
		r.message(c.Sender, r.load(c.Message))
	}
}

// cuts reports whether the flow cuts its history for a sender: flow.start.cleanup.
func (r *run) cuts(sender grit.ID) bool {
	r.resume()
	return r.state.ended() && r.state.status != rejected && r.isPeer(sender, r.policy.Control["cleanup"])
}

// begin is the first step: flow.check.before-effect, flow.replan.heir.
func (r *run) begin(sender grit.ID) {
	checked := r.checkFirst(r.core)
	r.state = &state{}
	if r.core["from"] == grit.None || len(checked.Defects) > 0 && checked.Defects[0].Code == "core" {
		r.core["starter"] = sender
	}
	if len(checked.Defects) > 0 {
		defects := flow.List{}
		for _, defect := range checked.Defects {
			defects = append(defects, flow.List{defect.At, defect.Code})
		}
		r.event("rejected", is("defects", defects))
		r.finish(rejected, nil)
		return
	}
	r.program, r.policy = checked.Program, checked.Policy
	if r.program.Limits["max_visits"] > 1 {
		r.state.visits = map[string]int64{}
	}
	if r.core["from"] != grit.None {
		r.event("planned")
		r.state.status = planned
		return
	}
	r.admit()
}

// admit begins with the start of the program.
func (r *run) admit() {
	digest := func(id grit.ID) string { return flow.Digest(r.data(id)) }
	r.event("admitted", is("program", digest(r.core["program"])),
		is("policy", digest(r.treeOf(r.core["policy"])["doc"])), is("input", digest(r.core["input"])))
	r.state.status = running
	r.enter(r.program.Start)
}

func (r *run) event(name string, members ...flow.Member) {
	r.log = append(r.log, flow.NewMap(append(members, is("e", name))...))
}

// entries returns the entries of a tree of the core, which may be changed. An open call is alone in sent, under its node.
func (r *run) entries(name string) map[string]grit.ID {
	if known, ok := r.trees[name]; ok {
		return known
	}
	entries := map[string]grit.ID{}
	if id := r.core[name]; name == "sent" && id != grit.None && r.openKind() == "call" {
		entries[r.state.at] = id
	} else {
		entries = r.treeOf(id)
	}
	r.trees[name] = entries
	return entries
}

func (r *run) openKind() string {
	if r.state.at == "" {
		return ""
	}
	return r.program.Nodes[r.state.at].Kind
}

// finishStep makes the step.
func (r *run) finishStep(last grit.ID) grit.ID {
	r.setStatus()
	r.state.seq += int64(len(r.log))
	for name, entries := range r.trees {
		id := entries[r.state.at]
		if name != "sent" || r.openKind() != "call" {
			id = r.makeTree(entries)
		}
		r.core[name] = id
	}
	r.core["state"] = r.makeDocument(r.state.document(r.log))
	for name, id := range r.core {
		if id == grit.None {
			delete(r.core, name)
		}
	}
	step := &grit.Object{Kind: grit.Step, Previous: last, Actor: r.actor, Core: r.makeTree(r.core)}
	step.Inbox = r.mailbox(r.inbox)
	step.Outbox = r.mailbox(r.outbox)
	return r.make(step)
}

func (r *run) mailbox(entries map[grit.ID]grit.ID) grit.ID {
	id, err := wit.MakeMailbox(r.overlay, entries)
	if grit.IsRefusal(err, "exhausted") {
		err = wit.Fail("exhausted", "", "%s", err)
	}
	must(err)
	return id
}

// setStatus determines whether a flow with an open node is running: flow.status.suspended.
func (r *run) setStatus() {
	if r.state.at == "" {
		return
	}
	r.state.status = suspended
	for _, f := range r.state.flight {
		if f.phase == called || f.phase == backoff {
			r.state.status = running
		}
	}
}
