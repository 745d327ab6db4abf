package guest

import (
	"gritstone.example/implementation/internal/grit"
	"gritstone.example/implementation/internal/wit"
)

// creatorOf returns the creator of a Wasm actor, or None: wasm.grant.creator.
func creatorOf(t *wit.Transition) (grit.ID, error) {
	id, err := wit.Follow(t.Overlay, t.Core, "wasm/creator")
	if err != nil || id != grit.None || t.LastStep == nil {
		return id, err
	}
	first, err := t.Overlay.Store.Root(t.Overlay, t.Last)
	if err != nil {
		return grit.None, err
	}
	step, err := t.Overlay.Load(first)
	if err != nil {
		return grit.None, err
	}
	inbox, err := wit.Inbox(t.Overlay, step)
	if err != nil || len(inbox) != 1 {
		return grit.None, err
	}
	for sender, id := range inbox {
		message, err := t.Overlay.Load(id)
		if err != nil || message.Content != t.Actor {
			return grit.None, err // the history is cut
		}
		return sender, nil
	}
	return grit.None, nil
}

// MayUpdate reports whether the sender of an update is the creator, or any sender may: wasm.grant.update.
func (r *Runner) MayUpdate(t *wit.Transition) (bool, error) {
	manifest, ok, err := readManifest(t.Overlay, t.Overlay.Store.Format, t.Core)
	if err != nil || ok && manifest.update {
		return err == nil, err
	}
	creator, err := creatorOf(t)
	return creator != grit.None && creator == t.Proposal.Covered[0].Sender, err
}

// KeepsHostNodes reports whether a merged core keeps the host nodes unchanged, and is that of a Wasm actor:
// wasm.grant.update, wasm.grant.update-stays.
func (r *Runner) KeepsHostNodes(t *wit.Transition, merged grit.ID) (bool, error) {
	c := &call{overlay: t.Overlay}
	if stays, err := c.stays(t.Core, merged); err != nil || !stays {
		return false, err
	}
	return c.keeps(t.Core, merged, "wasm", creatorsOwn)
}
