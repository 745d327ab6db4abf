package flowrun

import (
	"bytes"
	"errors"
	"slices"

	"gritstone.example/implementation/internal/grit"
	"gritstone.example/implementation/internal/wit"
)

// Replay computes each step of a chain again. It returns how many there are, and the number of the first that differs, or
// -1: flow.replay.identical, flow.replay.refused.
func Replay(store *grit.Store, step grit.ID) (steps, differs int, err error) {
	defer caught(&err)
	v := newView(grit.NewOverlay(store), grit.None)
	chain := v.chain(step)
	v.actor = v.load(step).Actor
	if !v.isFlow(v.actor) {
		return 0, 0, grit.Refuse("invalid", "", "%s is not the step of a flow", step)
	}
	last, before := grit.None, map[grit.ID]grit.ID{}
	for i, id := range chain {
		object := v.load(id)
		if object.Actor != v.actor {
			return len(chain), i, nil
		}
		inbox, err := wit.Inbox(store, object)
		if grit.IsRefusal(err, "invalid") { // an object of another kind
			return len(chain), i, nil
		}
		must(err)
		if i == 0 && v.isCut(inbox) {
			if !v.keepsFixed(object) || !v.isMailbox(object.Outbox) {
				return len(chain), i, nil
			}
		} else if !v.same(store, last, id, before, inbox) {
			return len(chain), i, nil
		}
		last, before = id, inbox
	}
	return len(chain), -1, nil
}

// chain returns the steps from the root to a step.
func (v *view) chain(step grit.ID) []grit.ID {
	var chain []grit.ID
	for id := step; id != grit.None; {
		object := v.load(id)
		if object.Kind != grit.Step {
			must(grit.Refuse("invalid", "", "%s is a %s", id, object.Kind))
		}
		chain, id = append(chain, id), object.Previous
	}
	slices.Reverse(chain)
	return chain
}

// isCut reports whether a root covers a cleanup.
func (v *view) isCut(inbox map[grit.ID]grit.ID) bool {
	for _, id := range inbox {
		if message := v.load(id); message.Kind == grit.Message && message.Header("mt") == "cleanup" {
			return true
		}
	}
	return false
}

// isMailbox reports whether a step can have an object as a mailbox.
func (v *view) isMailbox(id grit.ID) bool { return id == grit.None || v.load(id).Kind == grit.Mailbox }

// keepsFixed reports whether the fixed entries of a step are those of the first core, which may lack the starter.
func (v *view) keepsFixed(step *grit.Object) bool {
	first, now := v.treeOf(v.actor), v.treeOf(step.Core)
	for _, name := range []string{
		"wit", "wit_query", "name", "program", "input", "policy", "from", "carry", "prior", "starter",
	} {
		if first[name] != now[name] && (name != "starter" || first[name] != grit.None) {
			return false
		}
	}
	return true
}

// same reports whether a step is the result of the transition from the one before: flow.replay.first-divergence. It ends
// with the class missing if the transition needs an erased document.
func (v *view) same(store *grit.Store, last, step grit.ID, before, inbox map[grit.ID]grit.ID) bool {
	request := &wit.Request{Actor: v.actor, Head: last, HasHead: last != grit.None, Attempt: 1}
	for sender, message := range inbox {
		if message != before[sender] {
			request.Inbox = append(request.Inbox, [2]grit.ID{sender, message})
		}
	}
	slices.SortFunc(request.Inbox, func(a, b [2]grit.ID) int { return bytes.Compare(a[0][:], b[0][:]) })
	result, err := wit.Recompute(store, request)
	var lack lacking
	if errors.As(err, &lack) {
		must(grit.Refuse("missing", "erased", "%s", lack))
	}
	var refusal *grit.Refusal
	if errors.As(err, &refusal) && refusal.Class != "missing" {
		return false
	}
	must(err)
	return result == step
}
