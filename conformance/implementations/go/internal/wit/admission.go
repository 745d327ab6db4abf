package wit

import (
	"gritstone.example/implementation/internal/grit"
)

// Admit reports whether a result becomes a step: nil, or the failure illegal-step or exhausted. wit.admit.closed.
func (t *Transition) Admit(result grit.ID) error {
	step, err := t.Overlay.Load(result)
	if grit.IsRefusal(err, "missing") || err == nil && step.Kind != grit.Step {
		return illegal("%s is no step of the store", result)
	}
	if err != nil {
		return err
	}
	walk := grit.NewWalk(t.Overlay)
	walk.Known = t.Overlay.Store.Known
	err = walk.Visit(result)
	if grit.IsRefusal(err, "exhausted") {
		return Fail("exhausted", "", "%s", err)
	}
	if err != nil {
		return illegal("the closure is not whole: %s", err)
	}
	t.walked = walk.Done
	previous := t.Last
	if t.Proposal.Kind == Cleanup {
		previous = grit.None
	}
	if step.Actor != t.Actor || step.Previous != previous {
		return illegal("another actor or previous")
	}
	if err := t.admitInbox(step); err != nil {
		return err
	}
	if err := t.admitOutbox(step); err != nil {
		return err
	}
	if err := t.admitCore(step.Core); err != nil {
		return err
	}
	t.admitted = result
	return nil
}

// admitInbox checks the inbox against the proposal: wit.admit.inbox-keep, wit.admit.inbox-proposed,
// wit.admit.inbox-cursor, wit.admit.progress.
func (t *Transition) admitInbox(step *grit.Object) error {
	before, err := Inbox(t.Overlay, t.LastStep)
	if err != nil {
		return err
	}
	after, err := Inbox(t.Overlay, step)
	if err != nil {
		return err
	}
	for sender := range before {
		if _, kept := after[sender]; !kept {
			return illegal("the sender %s is gone", sender)
		}
	}
	progress := false
	for sender, message := range after {
		if message == before[sender] {
			continue
		}
		progress = true
		if !t.Proposal.Unread[sender][message] {
			return illegal("%s of %s was not proposed", message, sender)
		}
	}
	if !progress {
		return illegal("nothing was read")
	}
	return nil
}

// admitOutbox asks for legal changes: wit.admit.outbox.
func (t *Transition) admitOutbox(step *grit.Object) error {
	before, err := Outbox(t.Overlay, t.LastStep)
	if err != nil {
		return err
	}
	after, err := Outbox(t.Overlay, step)
	if err != nil {
		return err
	}
	for actor, tip := range after {
		old, there := before[actor]
		if !there || tip == old {
			continue
		}
		_, fresh, err := Unread(t.Overlay, tip, old, anyLength)
		if err != nil {
			return err
		}
		if !fresh {
			continue // queued behind the old entry
		}
		store := t.Overlay.Store
		root, err := store.Root(t.Overlay, tip)
		if err != nil {
			return err
		}
		oldRoot, err := store.Root(t.Overlay, old)
		if err != nil {
			return err
		}
		if root == oldRoot {
			return illegal("the channel to %s went back or forked", actor)
		}
	}
	return nil
}

// admitCore asks for a blob at wit and for unchanged frozen paths: wit.admit.core, wit.frozen.kept.
func (t *Transition) admitCore(core grit.ID) error {
	id, err := Follow(t.Overlay, core, "wit")
	if err != nil {
		return err
	}
	if id == grit.None {
		return illegal("the core has no wit")
	}
	if node, err := t.Overlay.Load(id); err != nil || node.Kind != grit.Blob {
		return illegal("wit of the core is no blob")
	}
	kept, err := frozenKept(t.Overlay, t.Overlay.Store.Format, t.Core, core)
	if err == nil && !kept {
		err = illegal("a frozen path changed")
	}
	return err
}
