package guest

import (
	"errors"

	"gritstone.example/implementation/internal/grit"
	"gritstone.example/implementation/internal/wit"
)

// Transition makes the step of a node of the form wasm:<path>, or returns None if the guest declined.
func (r *Runner) Transition(t *wit.Transition) (grit.ID, error) {
	step, err := r.transition(t)
	var o *outcome
	if errors.As(err, &o) {
		return grit.None, wit.Fail(o.class, o.code, "%s", o)
	}
	return step, err
}

func (r *Runner) transition(t *wit.Transition) (grit.ID, error) {
	if t.LastStep == nil {
		fork, err := wit.Follow(t.Overlay, t.Core, "wasm/fork")
		if err != nil {
			return grit.None, err
		}
		if fork != grit.None {
			return forkStep(t)
		}
	}
	p, err := r.prepare(t.Overlay, t.Core, t.Code, t.Entry)
	if err != nil {
		return grit.None, err
	}
	c, err := transitionCall(t, p)
	if err != nil {
		return grit.None, err
	}
	if err := r.run(c, t.Entry, t.Deadline); err != nil {
		return grit.None, err
	}
	if c.result == grit.None || c.result == t.Last {
		if t.LastStep == nil {
			return grit.None, &outcome{"failed", ""}
		}
		return grit.None, nil
	}
	if err := t.Admit(c.result); err != nil {
		return grit.None, err
	}
	tanks, err := c.audit()
	if err != nil {
		return grit.None, err
	}
	return c.finish(tanks)
}

// forkStep is the first step of a fork: no guest code runs, wasm.fork.no-run.
func forkStep(t *wit.Transition) (grit.ID, error) {
	inbox, err := t.ReadInbox()
	if err != nil {
		return grit.None, err
	}
	return t.Overlay.Make(&grit.Object{Kind: grit.Step, Actor: t.Actor, Inbox: inbox, Core: t.Core})
}

// transitionCall passes the inputs to a call.
func transitionCall(t *wit.Transition, p *plan) (*call, error) {
	c := &call{plan: p, overlay: t.Overlay, transition: t}
	inbox, err := t.ReadInbox()
	if err != nil {
		return nil, err
	}
	c.inputs = [8]grit.ID{0: t.Actor, 1: t.Last, 2: t.Core, 5: inbox, 7: t.Last}
	if t.Proposal.Kind == wit.Cleanup {
		c.inputs[1] = grit.None
	}
	if t.LastStep != nil {
		c.inputs[3], c.inputs[4] = t.LastStep.Inbox, t.LastStep.Outbox
	}
	return c, nil
}

// finish puts the host nodes into the core of the audited result and admits it again: wasm.call.result.
func (c *call) finish(tanks uint64) (grit.ID, error) {
	t := c.transition
	step, err := c.overlay.Load(c.result)
	if err != nil {
		return grit.None, err
	}
	core, err := c.hostNodes(step.Core, tanks)
	if grit.IsRefusal(err, "exhausted") {
		return grit.None, &outcome{"exhausted", ""}
	}
	if err != nil || core == step.Core {
		return c.result, err
	}
	changed := *step
	changed.Core = core
	result, err := c.overlay.Make(&changed)
	if err != nil {
		return grit.None, err
	}
	return result, t.Admit(result)
}

// hostNodes returns the core with state, image and creator as the manifest grants them: wasm.image.nodes.
func (c *call) hostNodes(core grit.ID, tanks uint64) (grit.ID, error) {
	t, p := c.transition, c.plan
	s := *p.state
	for _, more := range []uint64{c.spent, tanks} {
		s.used = min(s.used+more, maxU63)
	}
	nodes := map[string]grit.ID{}
	var err error
	if t.Entry == "wit" {
		for _, name := range []string{"state", "module", "memory"} {
			nodes[name] = grit.None
		}
		s.hasImage, s.call = p.manifest.image, false
		if p.manifest.image {
			s.pages, s.globals = uint32(len(c.memory)/pageBytes), c.globals
			nodes["module"] = p.blob
			if nodes["memory"], err = writeImage(c.overlay, c.memory); err != nil {
				return grit.None, err
			}
		}
	}
	if p.manifest.keepsState() {
		if nodes["state"], err = makeDocument(c.overlay, s.document(p.manifest)); err != nil {
			return grit.None, err
		}
	}
	if t.Proposal.Kind == wit.Cleanup && !p.manifest.update {
		creator, err := creatorOf(t)
		if err != nil {
			return grit.None, err
		}
		if creator != grit.None {
			nodes["creator"] = creator
		}
	}
	return withNodes(c.overlay, core, nodes)
}

// withNodes returns a core with entries of wasm replaced, or removed where they are None.
func withNodes(overlay *grit.Overlay, core grit.ID, nodes map[string]grit.ID) (grit.ID, error) {
	root, err := overlay.Load(core)
	if err != nil {
		return grit.None, err
	}
	entries := map[string]grit.ID{}
	if id := root.Find("wasm"); id != grit.None {
		tree, err := overlay.Load(id)
		if err != nil {
			return grit.None, err
		}
		if tree.Kind != grit.Tree && !someNode(nodes) {
			return core, nil // a blob stays where nothing has to be written
		}
		for _, entry := range tree.Entries {
			entries[entry.Key] = entry.ID
		}
	}
	for name, id := range nodes {
		entries[name] = id
	}
	wasm, err := makeTree(overlay, entries)
	if err != nil {
		return grit.None, err
	}
	outer := map[string]grit.ID{}
	for _, entry := range root.Entries {
		outer[entry.Key] = entry.ID
	}
	outer["wasm"] = wasm
	return makeTree(overlay, outer)
}

func someNode(nodes map[string]grit.ID) bool {
	for _, id := range nodes {
		if id != grit.None {
			return true
		}
	}
	return false
}

// makeTree makes a tree of the existing entries; without entries it returns None.
func makeTree(overlay *grit.Overlay, entries map[string]grit.ID) (grit.ID, error) {
	tree := &grit.Object{Kind: grit.Tree}
	for name, id := range entries {
		if id != grit.None {
			tree.Entries = append(tree.Entries, grit.Entry{Key: name, ID: id})
		}
	}
	if len(tree.Entries) == 0 {
		return grit.None, nil
	}
	return overlay.Make(tree)
}
