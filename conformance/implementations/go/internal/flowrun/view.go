// Package flowrun is the code external:flow/1: the transition function of flows, their queries and their replay.
package flowrun

import (
	"gritstone.example/implementation/internal/flow"
	"gritstone.example/implementation/internal/grit"
	"gritstone.example/implementation/internal/wit"
)

// Node is the data of the code node of a flow.
const Node = "external:flow/1"

// view reads and makes objects of a flow. Its methods end the work by a panic of the type stopped, which caught turns into
// an error, because no part of a transition continues after an error.
type view struct {
	overlay *grit.Overlay
	actor   grit.ID
	values  map[grit.ID]flow.Value // of the documents read so far
}

type stopped struct{ err error }

func must(err error) {
	if err != nil {
		panic(stopped{err})
	}
}

func caught(err *error) {
	if fault := recover(); fault != nil {
		stop, ok := fault.(stopped)
		if !ok {
			panic(fault)
		}
		*err = stop.err
	}
}

func failed(format string, args ...any) error { return wit.Fail("failed", "", format, args...) }

// lacking is the failure of a transition that needs an erased document: flow.step.erased.
type lacking struct{ error }

func (l lacking) Unwrap() error { return l.error }

func newView(overlay *grit.Overlay, actor grit.ID) view {
	return view{overlay, actor, map[grit.ID]flow.Value{}}
}

func (v *view) load(id grit.ID) *grit.Object {
	object, err := v.overlay.Load(id)
	must(err)
	return object
}

// treeOf returns the entries of a tree; None and other objects have none.
func (v *view) treeOf(id grit.ID) map[string]grit.ID {
	entries := map[string]grit.ID{}
	if id == grit.None {
		return entries
	}
	if object := v.load(id); object.Kind == grit.Tree {
		for _, entry := range object.Entries {
			entries[entry.Key] = entry.ID
		}
	}
	return entries
}

func (v *view) isTree(id grit.ID) bool { return id != grit.None && v.load(id).Kind == grit.Tree }
func (v *view) isBlob(id grit.ID) bool { return id != grit.None && v.load(id).Kind == grit.Blob }

// make stores an object; one that is too long ends the transition.
func (v *view) make(object *grit.Object) grit.ID {
	id, err := v.overlay.Make(object)
	if grit.IsRefusal(err, "exhausted") {
		err = wit.Fail("exhausted", "", "%s", err)
	}
	must(err)
	return id
}

// makeTree returns None for no entries.
func (v *view) makeTree(entries map[string]grit.ID) grit.ID {
	if len(entries) == 0 {
		return grit.None
	}
	tree := &grit.Object{Kind: grit.Tree}
	for name, id := range entries {
		tree.Entries = append(tree.Entries, grit.Entry{Key: name, ID: id})
	}
	return v.make(tree)
}

func (v *view) makeDocument(value flow.Value) grit.ID {
	return v.make(documentOf(flow.Encode(value)))
}

func documentOf(data []byte) *grit.Object {
	return &grit.Object{Kind: grit.Blob, Headers: []grit.Header{{Key: "ct", Value: "cbor"}}, Data: data}
}

func hasHeader(object *grit.Object, value string) bool {
	return object.Kind == grit.Blob && len(object.Headers) == 1 && object.Headers[0] == grit.Header{Key: "ct", Value: value}
}

// isSealed reports whether an object is a sealed blob: 16 bytes of salt and a payload, or erased.
func isSealed(object *grit.Object) bool {
	return object.Erased || hasHeader(object, "sealed") && len(object.Data) >= saltBytes
}

const saltBytes = 16

// read returns the value of a blob that is a document within the limits.
func (v *view) read(id grit.ID) (flow.Value, bool) {
	if !v.isBlob(id) {
		return nil, false
	}
	if value, known := v.values[id]; known {
		return value, true
	}
	object := v.load(id)
	if object.Erased || !hasHeader(object, "cbor") {
		return nil, false
	}
	value, err := flow.Decode(object.Data, flow.ValueBytes)
	if err != nil {
		return nil, false
	}
	v.values[id] = value
	return value, true
}

// isDocument reports whether an entry of a core counts as a document; an erased blob does.
func (v *view) isDocument(id grit.ID) bool {
	if v.isBlob(id) && v.load(id).Erased {
		return true
	}
	_, ok := v.read(id)
	return ok
}

// data returns the bytes of a document of the core that the step needs, nil for a blob that is not a document:
// flow.step.function.
func (v *view) data(id grit.ID) []byte {
	if !v.isBlob(id) {
		must(failed("the core has no such document"))
	}
	object := v.load(id)
	if object.Erased {
		must(lacking{failed("the document %s of the core was erased", id)})
	}
	if !hasHeader(object, "cbor") {
		return nil
	}
	return object.Data
}

// value returns the value of a document of the core that the step needs.
func (v *view) value(id grit.ID) flow.Value {
	v.data(id)
	value, ok := v.read(id)
	if !ok {
		must(failed("a document of the core has another form"))
	}
	return value
}

// isFlow reports whether the blob at wit in the first core of an actor names this code: flow.start.born.
func (v *view) isFlow(actor grit.ID) bool {
	node := v.treeOf(actor)["wit"]
	return node != grit.None && v.isNode(node)
}

func (v *view) isNode(id grit.ID) bool {
	object := v.load(id)
	return object.Kind == grit.Blob && !object.Erased && string(object.Data) == Node
}
