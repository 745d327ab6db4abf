package guest

import (
	"gritstone.example/implementation/internal/grit"
)

// level is a tree on the path of place: the tree that was there before, if any.
type level struct {
	entries []grit.Entry
	name    string
}

func (h *hostCall) place() (int64, error) {
	tree, child := h.ids[0], h.ids[1]
	names, ok := h.path(h.texts[0])
	if !ok {
		return invalid, nil
	}
	if !h.known(tree, true, false) || !h.known(child, true, true) {
		return unknown, nil
	}
	if fits, err := h.isKind(tree, false, grit.Tree); err != nil || !fits {
		return kind, err
	}
	if fits, err := h.isKind(child, true, grit.Blob, grit.Tree); err != nil || !fits {
		return kind, err
	}
	levels, old, weight, err := h.descend(tree, names)
	if err != nil {
		return 0, err
	}
	if child == grit.None && old == grit.None {
		return absent, h.charge(0, weight)
	}
	return h.rebuild(levels, child, weight)
}

// descend follows a path as far as there are trees. It returns the levels, the id at the end, and the weight read.
func (h *hostCall) descend(tree grit.ID, names []string) (levels []level, old grit.ID, weight uint64, err error) {
	id := tree
	for _, name := range names {
		l := level{name: name}
		old = grit.None
		if id != grit.None {
			o, err := h.object(id)
			if err != nil {
				return nil, old, 0, err
			}
			if o.Kind == grit.Tree {
				weight += weigh(o)
				l.entries = h.entries(id, o)
				old = lookup(l.entries, name)
			}
		}
		levels = append(levels, l)
		id = old
	}
	return levels, old, weight, nil
}

// rebuild makes the trees of a path from below, charges for them, and answers with the new root.
func (h *hostCall) rebuild(levels []level, child grit.ID, weight uint64) (int64, error) {
	made := make([]*grit.Object, len(levels)) // nil: the tree has become empty
	there, tooHeavy := child != grit.None, false
	for i := len(levels) - 1; i >= 0; i-- {
		l := levels[i]
		tree := &grit.Object{Kind: grit.Tree}
		for _, entry := range l.entries {
			if entry.Key != l.name {
				tree.Entries = append(tree.Entries, entry)
			}
		}
		if there {
			tree.Entries = append(tree.Entries, grit.Entry{Key: l.name})
		}
		if there = len(tree.Entries) > 0; there {
			made[i] = tree
			weight += weigh(tree)
			tooHeavy = tooHeavy || weigh(tree) > weightLimit
		}
	}
	if tooHeavy {
		return limit, h.charge(0, weight)
	}
	if err := h.charge(32, weight); err != nil {
		return 0, err
	}
	id := child
	for i := len(levels) - 1; i >= 0; i-- {
		tree := made[i]
		if tree == nil {
			id = grit.None
			continue
		}
		if last := len(tree.Entries) - 1; id != grit.None {
			tree.Entries[last].ID = id
		}
		var err error
		if id, err = h.overlay.Make(tree); err != nil {
			return 0, err
		}
	}
	h.give(0, id)
	return 0, nil
}

func (h *hostCall) mail() (int64, error) {
	box, actor, message := h.ids[0], h.ids[1], h.ids[2]
	if !h.known(box, true, false) || !h.known(actor, false, true) || !h.known(message, true, true) {
		return unknown, nil
	}
	for _, check := range []struct {
		id     grit.ID
		lifted bool
		kind   grit.Kind
	}{{box, false, grit.Mailbox}, {actor, true, grit.Tree}, {message, true, grit.Message}} {
		if fits, err := h.isKind(check.id, check.lifted, check.kind); err != nil || !fits {
			return kind, err
		}
	}
	made, before, found := &grit.Object{Kind: grit.Mailbox}, uint64(0), false
	if box != grit.None {
		o, err := h.object(box)
		if err != nil {
			return 0, err
		}
		before = weigh(o)
		for _, entry := range o.Entries {
			if entry.Key == string(actor[:]) {
				found = true
			} else {
				made.Entries = append(made.Entries, entry)
			}
		}
	}
	if message == grit.None && !found {
		return absent, h.charge(0, before)
	}
	if message != grit.None {
		made.Entries = append(made.Entries, grit.Entry{Key: string(actor[:]), ID: message})
	}
	if weigh(made) > weightLimit {
		return limit, h.charge(0, before+weigh(made))
	}
	if err := h.charge(32, before+weigh(made)); err != nil {
		return 0, err
	}
	if len(made.Entries) == 0 {
		h.give(0, grit.None)
		return 0, nil
	}
	return h.make(made)
}

func (h *hostCall) blob() (int64, error) {
	headers, ok := h.headerList(h.texts[1])
	if !ok {
		return invalid, nil
	}
	return h.maker(&grit.Object{Kind: grit.Blob, Headers: headers, Data: h.texts[0]})
}

// maker charges for an object, and makes it unless it is too heavy.
func (h *hostCall) maker(o *grit.Object) (int64, error) {
	weight := weigh(o)
	if weight > weightLimit {
		return limit, h.charge(0, weight)
	}
	if err := h.charge(32, weight); err != nil {
		return 0, err
	}
	return h.make(o)
}

func (h *hostCall) message() (int64, error) {
	previous, content := h.ids[0], h.ids[1]
	headers, ok := h.headerList(h.texts[0])
	if !ok {
		return invalid, nil
	}
	if !h.known(previous, true, true) || !h.known(content, false, true) {
		return unknown, nil
	}
	if fits, err := h.isKind(previous, true, grit.Message); err != nil || !fits {
		return kind, err
	}
	if fits, err := h.isKind(content, true, grit.Blob, grit.Tree); err != nil || !fits {
		return kind, err
	}
	return h.maker(&grit.Object{Kind: grit.Message, Previous: previous, Headers: headers, Content: content})
}

func (h *hostCall) step() (int64, error) {
	kinds := []grit.Kind{grit.Step, grit.Tree, grit.Mailbox, grit.Mailbox, grit.Tree}
	for i, id := range h.ids {
		if !h.known(id, i == 0 || i == 2 || i == 3, true) {
			return unknown, nil
		}
	}
	for i, id := range h.ids {
		if fits, err := h.isKind(id, true, kinds[i]); err != nil || !fits {
			return kind, err
		}
	}
	return h.maker(&grit.Object{
		Kind: grit.Step, Previous: h.ids[0], Actor: h.ids[1], Inbox: h.ids[2], Outbox: h.ids[3], Core: h.ids[4],
	})
}
