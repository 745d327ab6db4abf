package grit

import (
	"slices"
	"strings"
)

// renamed are the spaces in which a second segment that is the text form of an id follows the id.
var renamed = []string{"heads", "failed", "moved", "adopted", "archived", "closed", "gone"}

// Transcode returns the bundle of the same graph in another format: grit.transcode.shape, grit.transcode.refuse.
func Transcode(data []byte, from, to *Format) ([]byte, error) {
	bundle, err := ReadBundle(data, from)
	if err != nil {
		return nil, err
	}
	t := &transcoding{from: bundle, to: &Bundle{Frames: map[ID]*Frame{}}, format: to, ids: map[ID]ID{None: None}}
	for id, frame := range bundle.Frames {
		if frame.Object.Erased {
			return nil, Refuse("missing", "erased", "%s was erased", id)
		}
	}
	for _, ref := range bundle.Refs {
		if err := t.move(ref.Target); err != nil {
			return nil, err
		}
	}
	return t.finish()
}

type transcoding struct {
	from, to *Bundle
	format   *Format
	ids      map[ID]ID // from old ids to new ones
}

// move encodes an object and all below it again, with a stack of its own.
func (t *transcoding) move(root ID) error {
	stack := []ID{root}
	for len(stack) > 0 {
		id := stack[len(stack)-1]
		if _, done := t.ids[id]; done {
			stack = stack[:len(stack)-1]
			continue
		}
		object, waiting := t.from.Frames[id].Object, false
		for _, edge := range object.Edges() {
			if _, done := t.ids[edge.To]; !done {
				stack, waiting = append(stack, edge.To), true
			}
		}
		if waiting {
			continue
		}
		moved := t.rewrite(object)
		data, newID, err := t.format.Encode(moved)
		if err != nil {
			return err
		}
		t.ids[id] = newID
		t.to.Frames[newID] = &Frame{data, moved}
		stack = stack[:len(stack)-1]
	}
	return nil
}

func (t *transcoding) rewrite(o *Object) *Object {
	moved := *o
	moved.Entries = slices.Clone(o.Entries)
	for i, entry := range moved.Entries {
		moved.Entries[i].ID = t.ids[entry.ID]
		if o.Kind == Mailbox {
			key := t.ids[ID([]byte(entry.Key))]
			moved.Entries[i].Key = string(key[:])
		}
	}
	for _, id := range []*ID{&moved.Previous, &moved.Content, &moved.Actor, &moved.Inbox, &moved.Outbox, &moved.Core} {
		*id = t.ids[*id]
	}
	return &moved
}

// finish names the references and writes the bundle.
func (t *transcoding) finish() ([]byte, error) {
	for _, ref := range t.from.Refs {
		name, err := t.rename(ref.Name)
		if err != nil {
			return nil, err
		}
		t.to.Refs = append(t.to.Refs, Ref{name, t.ids[ref.Target]})
	}
	return t.to.Bytes(t.format), nil
}

func (t *transcoding) rename(name string) (string, error) {
	space, rest, _ := strings.Cut(name, "/")
	id, ok := ParseID(rest)
	if !slices.Contains(renamed, space) || !ok || id == None {
		return name, nil
	}
	if _, frame := t.from.Frames[id]; frame {
		return space + "/" + t.ids[id].String(), nil
	}
	if _, frame := t.to.Frames[id]; frame {
		return "", invalid("%s would change when it goes back", name)
	}
	return name, nil
}
