package wit

import (
	"gritstone.example/implementation/internal/grit"
)

// Code is code of the implementation, which a node of the form external:<name> names.
type Code interface {
	// Transition makes a step, or returns None if the code declined.
	Transition(t *Transition) (grit.ID, error)
	// Query answers with an id, or None.
	Query(q *Query) (grit.ID, error)
	// RefusesUpdates reports whether every update to an actor with this code is refused.
	RefusesUpdates() bool
}

// codes has the registered code by the data of its node: wit.node.forms.
var codes = map[string]Code{"external:puppet/1": puppetCode{false}, "external:puppet-stamp/1": puppetCode{true}}

// Register adds code under the data of its node.
func Register(node string, code Code) { codes[node] = code }

// codeAt returns the registered code that a code node at the root of a tree names, or nil.
func codeAt(reader grit.Reader, tree grit.ID, node string) (Code, error) {
	id, err := Follow(reader, tree, node)
	if err != nil || id == grit.None {
		return nil, err
	}
	o, err := reader.Load(id)
	if err != nil || o.Kind != grit.Blob || o.Erased {
		return nil, err
	}
	return codes[string(o.Data)], nil
}

// puppetCode is the code of the puppets.
type puppetCode struct{ stamps bool }

func (c puppetCode) Transition(t *Transition) (grit.ID, error) { return t.runPuppet(c.stamps) }
func (c puppetCode) Query(q *Query) (grit.ID, error)           { return q.askPuppet() }
func (c puppetCode) RefusesUpdates() bool                      { return false }
