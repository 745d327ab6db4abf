package wit

import (
	"strings"
	"unicode/utf8"

	"gritstone.example/implementation/internal/grit"
)

// Merge returns the merge of two trees: wit.update.merge, wit.update.replace, wit.update.keep.
func Merge(overlay *grit.Overlay, tree, update grit.ID) (grit.ID, error) {
	before, err := load(overlay, tree, grit.Tree)
	if err != nil {
		return grit.None, err
	}
	content, err := load(overlay, update, grit.Tree)
	if err != nil {
		return grit.None, err
	}
	if tree == update {
		return tree, nil
	}
	entries := map[string]grit.ID{}
	for _, entry := range before.Entries {
		entries[entry.Key] = entry.ID
	}
	for _, entry := range content.Entries {
		old, there := entries[entry.Key]
		entries[entry.Key] = entry.ID
		if !there || old == entry.ID {
			continue
		}
		both := true
		for _, id := range []grit.ID{old, entry.ID} {
			object, err := overlay.Load(id)
			if err != nil {
				return grit.None, err
			}
			both = both && object.Kind == grit.Tree
		}
		if both {
			if entries[entry.Key], err = Merge(overlay, old, entry.ID); err != nil {
				return grit.None, err
			}
		}
	}
	merged := &grit.Object{Kind: grit.Tree}
	for name, id := range entries {
		merged.Entries = append(merged.Entries, grit.Entry{Key: name, ID: id})
	}
	return overlay.Make(merged)
}

// frozenPaths returns the frozen paths of a core; all reports that the core as a whole is frozen.
func frozenPaths(reader grit.Reader, format *grit.Format, core grit.ID) (paths []string, frozen, all bool, err error) {
	id, err := Follow(reader, core, "frozen")
	if err != nil || id == grit.None {
		return nil, false, false, err
	}
	node, err := reader.Load(id)
	if err != nil {
		return nil, false, false, err
	}
	text := string(node.Data)
	if node.Kind != grit.Blob || node.Erased || !utf8.ValidString(text) || text != "" && !strings.HasSuffix(text, "\n") {
		return nil, true, true, nil
	}
	paths = []string{"frozen", "wit", "wit_query", "wit_update"}
	lines := strings.Split(text, "\n")
	for _, line := range lines[:len(lines)-1] {
		for _, name := range strings.Split(line, "/") {
			if !format.ValidName(name) {
				return nil, true, true, nil
			}
		}
		paths = append(paths, line)
	}
	for _, entry := range []string{"wit", "wit_query"} {
		path, ok, err := NodePath(reader, format, core, entry)
		if err != nil {
			return nil, true, false, err
		}
		if ok {
			paths = append(paths, path)
		}
	}
	return paths, true, false, nil
}

// frozenKept reports whether each frozen path of a core leads to the same in another: wit.frozen.kept, wasm.grant.frozen.
func frozenKept(reader grit.Reader, format *grit.Format, before, after grit.ID) (bool, error) {
	paths, frozen, all, err := frozenPaths(reader, format, before)
	if err != nil || !frozen {
		return err == nil, err
	}
	if all {
		return before == after, nil
	}
	for _, path := range paths {
		kept, err := Kept(reader, before, after, path)
		if err != nil || !kept {
			return false, err
		}
	}
	return true, nil
}

// Kept reports whether a path leads to the same id in two trees, or to nothing in both.
func Kept(reader grit.Reader, before, after grit.ID, path string) (bool, error) {
	old, err := Follow(reader, before, path)
	if err != nil {
		return false, err
	}
	now, err := Follow(reader, after, path)
	return old == now, err
}

// update answers a message of the kind update: by code, by the merge, or, where it is refused, by the cursor-only step.
func (t *Transition) update(message *grit.Object) (grit.ID, error) {
	content, err := t.Overlay.Load(message.Content)
	if err != nil {
		return grit.None, err
	}
	code, err := codeAt(t.Overlay, t.Core, "wit")
	if err != nil {
		return grit.None, err
	}
	if content.Kind != grit.Tree || code != nil && code.RefusesUpdates() {
		return t.cursorOnly()
	}
	_, wasm, err := NodePath(t.Overlay, t.Overlay.Store.Format, t.Core, "wit")
	if err != nil {
		return grit.None, err
	}
	byCode := content.Find("wit_update") != grit.None
	if wasm {
		allowed, err := t.runner.MayUpdate(t)
		if err != nil {
			return grit.None, err
		}
		if !allowed {
			return t.cursorOnly()
		}
	}
	if byCode {
		return t.updateByCode(message, wasm)
	}
	return t.defaultUpdate(message, wasm)
}

// updateByCode lets the code of wit_update make the step: wit.update.code, wit.frozen.code.
func (t *Transition) updateByCode(message *grit.Object, wasm bool) (grit.ID, error) {
	frozen, err := Follow(t.Overlay, t.Core, "frozen")
	if err != nil {
		return grit.None, err
	}
	if frozen != grit.None {
		return t.cursorOnly()
	}
	_, ok, err := NodePath(t.Overlay, t.Overlay.Store.Format, message.Content, "wit_update")
	if err != nil {
		return grit.None, err
	}
	t.Entry, t.Code = "wit_update", message.Content
	if !ok && !wasm {
		return t.external()
	}
	return t.runner.Transition(t)
}

// defaultUpdate merges the content into the core.
func (t *Transition) defaultUpdate(message *grit.Object, wasm bool) (grit.ID, error) {
	merged, err := Merge(t.Overlay, t.Core, message.Content)
	if err != nil {
		return grit.None, t.limit(err)
	}
	if wasm {
		kept, err := t.runner.KeepsHostNodes(t, merged)
		if err != nil {
			return grit.None, err
		}
		if !kept {
			return t.cursorOnly()
		}
	}
	if err := t.admitCore(merged); err != nil {
		if refusal, ok := err.(*grit.Refusal); ok && refusal.Code == "illegal-step" {
			return t.cursorOnly()
		}
		return grit.None, err
	}
	inbox, err := t.ReadInbox()
	if err != nil {
		return grit.None, err
	}
	return t.Overlay.Make(&grit.Object{
		Kind: grit.Step, Previous: t.Last, Actor: t.Actor, Inbox: inbox, Outbox: t.LastStep.Outbox, Core: merged,
	})
}
