package wit

import (
	"time"

	"gritstone.example/implementation/internal/grit"
)

// Runner runs the code of nodes of the form wasm:<path>.
type Runner interface {
	// Transition makes a step, admitted, or returns None if the code declined.
	Transition(t *Transition) (grit.ID, error)
	// Query answers with an id, or None.
	Query(q *Query) (grit.ID, error)
	// MayUpdate reports whether the sender of an update to a Wasm actor may send it.
	MayUpdate(t *Transition) (bool, error)
	// KeepsHostNodes reports whether a merged core leaves alone what is the host's.
	KeepsHostNodes(t *Transition, merged grit.ID) (bool, error)
}

// Transition is one transition of an actor.
type Transition struct {
	Overlay  *grit.Overlay
	Actor    grit.ID
	Last     grit.ID      // the step it starts from, or None
	LastStep *grit.Object // nil if there is none
	Core     grit.ID      // the core it starts from
	Proposal *Proposal
	Attempt  uint32
	Deadline time.Time // zero: any time is given
	Entry    string    // the node whose code runs
	Code     grit.ID   // the tree at whose root the node stands

	runner   Runner
	walked   map[grit.ID]grit.Seen // by the last admission
	admitted grit.ID               // the last result that was
}

// Request holds the arguments of a transition.
type Request struct {
	Actor, Head grit.ID
	HasHead     bool
	Inbox       [][2]grit.ID
	Attempt     uint32
	Limit       time.Duration // 0: any time is given
}

// begin looks at actor, head and proposal.
func begin(store *grit.Store, runner Runner, r *Request) (*Transition, error) {
	t := &Transition{Overlay: grit.NewOverlay(store), Actor: r.Actor, Attempt: r.Attempt, runner: runner, Entry: "wit"}
	if r.Limit > 0 {
		t.Deadline = time.Now().Add(r.Limit)
	}
	if _, err := load(store, r.Actor, grit.Tree); err != nil {
		return nil, err
	}
	if r.HasHead {
		step, err := load(store, r.Head, grit.Step)
		if err != nil {
			return nil, err
		}
		if step.Actor != r.Actor {
			return nil, grit.Refuse("invalid", "", "the head is a step of another actor")
		}
		t.Last, t.LastStep, t.Core = r.Head, step, step.Core
	} else {
		t.Core = r.Actor
	}
	var err error
	t.Code = t.Core
	t.Proposal, err = propose(store, r.Actor, t.LastStep, r.Inbox)
	return t, err
}

// Step makes one transition with admission. It returns the head if the transition declined.
func Step(store *grit.Store, runner Runner, r *Request) (grit.ID, error) {
	t, err := begin(store, runner, r)
	if err != nil {
		return grit.None, err
	}
	result, err := t.run()
	if !t.Deadline.IsZero() && time.Now().After(t.Deadline) {
		return grit.None, Timeout()
	}
	if err != nil {
		return grit.None, err
	}
	if result == grit.None {
		return t.Last, nil
	}
	if t.admitted != result {
		if err := t.Admit(result); err != nil {
			return grit.None, err
		}
	}
	t.Overlay.Commit(result)
	store.Note(t.walked)
	return result, nil
}

// Recompute returns the step of a transition without storing it, or None if the code declined.
func Recompute(store *grit.Store, r *Request) (grit.ID, error) {
	t, err := begin(store, nil, r)
	if err != nil {
		return grit.None, err
	}
	return t.run()
}

// Admitted reports whether a step would be admitted as the result of a proposal.
func Admitted(store *grit.Store, runner Runner, r *Request, step grit.ID) error {
	t, err := begin(store, runner, r)
	if err != nil {
		return err
	}
	if err := t.Admit(step); err != nil {
		return err
	}
	store.Note(t.walked)
	return nil
}

// run makes the step that the kind of the proposal requires: wit.transition.source.
func (t *Transition) run() (grit.ID, error) {
	if t.Proposal.Kind == Duplicate {
		return t.cursorOnly()
	}
	if t.Proposal.Kind == Update {
		message, err := t.Overlay.Load(t.Proposal.Covered[0].Message)
		if err != nil {
			return grit.None, err
		}
		return t.update(message)
	}
	_, wasm, err := NodePath(t.Overlay, t.Overlay.Store.Format, t.Core, "wit")
	if err != nil {
		return grit.None, err
	}
	if !wasm {
		return t.external()
	}
	return t.runner.Transition(t)
}

// external runs code of the implementation, or reports that there is none: wit.node.forms.
func (t *Transition) external() (grit.ID, error) {
	code, err := codeAt(t.Overlay, t.Code, t.Entry)
	if err != nil {
		return grit.None, err
	}
	if code == nil {
		return grit.None, Fail("unresolved", "", "%s names no code that is there", t.Entry)
	}
	return code.Transition(t)
}

// ReadInbox makes the inbox of the step before with all covered messages read.
func (t *Transition) ReadInbox() (grit.ID, error) {
	inbox, err := Inbox(t.Overlay, t.LastStep)
	if err != nil {
		return grit.None, err
	}
	for sender, message := range t.Proposal.Entries {
		inbox[sender] = message
	}
	id, err := MakeMailbox(t.Overlay, inbox)
	return id, t.limit(err)
}

// cursorOnly makes the step in which only the inbox differs: wit.genesis.again.
func (t *Transition) cursorOnly() (grit.ID, error) {
	inbox, err := t.ReadInbox()
	if err != nil {
		return grit.None, err
	}
	return t.Overlay.Make(&grit.Object{
		Kind: grit.Step, Previous: t.Last, Actor: t.Actor, Inbox: inbox, Outbox: t.LastStep.Outbox, Core: t.Core,
	})
}

// limit makes an object that is too long a failure of the transition.
func (t *Transition) limit(err error) error {
	if grit.IsRefusal(err, "exhausted") {
		return Fail("exhausted", "", "%s", err)
	}
	return err
}
