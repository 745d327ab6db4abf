package wit

import (
	"slices"
	"strings"

	"gritstone.example/implementation/internal/grit"
)

// splitPath reads a path: one or more names of the format, joined by a slash.
func splitPath(format *grit.Format, path string) (names []string, ok bool) {
	names = strings.Split(path, "/")
	for _, name := range names {
		if !format.ValidName(name) {
			return nil, false
		}
	}
	return names, true
}

// entriesOf returns the entries of a tree; None and objects of other kinds have none.
func entriesOf(reader grit.Reader, id grit.ID) ([]grit.Entry, error) {
	if id == grit.None {
		return nil, nil
	}
	o, err := reader.Load(id)
	if err != nil || o.Kind != grit.Tree {
		return nil, err
	}
	return o.Entries, nil
}

// withPath returns a tree in which a path leads to a child; for None it is removed, with each tree that becomes empty.
func withPath(overlay *grit.Overlay, tree grit.ID, names []string, child grit.ID) (grit.ID, error) {
	entries, err := entriesOf(overlay, tree)
	if err != nil {
		return grit.None, err
	}
	if len(names) > 1 {
		below := grit.None
		if i := slices.IndexFunc(entries, func(e grit.Entry) bool { return e.Key == names[0] }); i >= 0 {
			below = entries[i].ID
		}
		if child, err = withPath(overlay, below, names[1:], child); err != nil {
			return grit.None, err
		}
	}
	made := &grit.Object{Kind: grit.Tree}
	for _, entry := range entries {
		if entry.Key != names[0] {
			made.Entries = append(made.Entries, entry)
		}
	}
	if child != grit.None {
		made.Entries = append(made.Entries, grit.Entry{Key: names[0], ID: child})
	}
	if len(made.Entries) == 0 {
		return grit.None, nil
	}
	return overlay.Make(made)
}
