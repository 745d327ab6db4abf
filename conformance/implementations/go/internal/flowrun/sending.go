package flowrun

import (
	"gritstone.example/implementation/internal/flow"
	"gritstone.example/implementation/internal/grit"
)

// send queues a message behind the last one to the same receiver: flow.call.exact.
func (r *run) send(to grit.ID, headers []grit.Header, content grit.ID) {
	message := &grit.Object{Kind: grit.Message, Previous: r.outbox[to], Headers: headers, Content: content}
	r.outbox[to] = r.make(message)
}

// packet makes a packet with a document, the flow, the refs in the document, and more entries: flow.call.refs.
func (r *run) packet(doc flow.Value, more map[string]grit.ID) grit.ID {
	refs := map[string]bool{}
	flow.Refs(doc, refs)
	entries := map[string]grit.ID{"doc": r.makeDocument(doc), "flow": r.actor}
	if tree := r.blobs(refs); tree != grit.None {
		entries["refs"] = tree
	}
	for name, id := range more {
		entries[name] = id
	}
	return r.makeTree(entries)
}

// blobs makes the tree of the sealed blobs with these names, None without any.
func (r *run) blobs(names map[string]bool) grit.ID {
	if len(names) == 0 {
		return grit.None
	}
	known, blobs := r.entries("refs"), map[string]grit.ID{}
	for name := range names {
		if id := known[name]; id != grit.None {
			blobs[name] = id
		}
	}
	return r.makeTree(blobs)
}

// sendPacket sends a packet that is not a call, and returns it.
func (r *run) sendPacket(to grit.ID, mt string, doc flow.Value, more map[string]grit.ID) grit.ID {
	packet := r.packet(doc, more)
	r.send(to, []grit.Header{{Key: "mt", Value: mt}}, packet)
	return packet
}

// peer returns the actor that the policy names.
func (r *run) peer(name string) grit.ID {
	if r.peers == nil {
		r.peers = r.treeOf(r.treeOf(r.core["policy"])["peers"])
	}
	return r.peers[name]
}

// isPeer reports whether an actor is one of the named peers: flow.result.sender.
func (r *run) isPeer(actor grit.ID, names []string) bool {
	for _, name := range names {
		if name != "" && r.peer(name) == actor {
			return true
		}
	}
	return false
}

// erasedNames returns the names whose erasure was requested.
func (r *run) erasedNames() map[string]bool {
	if r.erased == nil {
		r.erased = map[string]bool{}
		if id := r.core["erased"]; id != grit.None {
			list, _ := r.value(id).(flow.List)
			for _, name := range list {
				text, _ := name.(string)
				r.erased[text] = true
			}
		}
	}
	return r.erased
}
