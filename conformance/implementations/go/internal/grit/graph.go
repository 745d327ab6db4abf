package grit

// Edge is an id inside an object with the kinds that it may lead to.
type Edge struct {
	To    ID
	Kinds []Kind
}

var (
	blobOrTree  = []Kind{Blob, Tree}
	onlyTree    = []Kind{Tree}
	onlyMessage = []Kind{Message}
	onlyMailbox = []Kind{Mailbox}
	onlyStep    = []Kind{Step}
)

// Edges returns the edges of an object, grit.graph.edges.
func (o *Object) Edges() []Edge {
	var edges []Edge
	add := func(id ID, kinds []Kind) {
		if id != None {
			edges = append(edges, Edge{id, kinds})
		}
	}
	switch o.Kind {
	case Tree:
		for _, entry := range o.Entries {
			add(entry.ID, blobOrTree)
		}
	case Message:
		add(o.Previous, onlyMessage)
		add(o.Content, blobOrTree)
	case Mailbox:
		for _, entry := range o.Entries {
			add(ID([]byte(entry.Key)), onlyTree)
			add(entry.ID, onlyMessage)
		}
	case Step:
		add(o.Previous, onlyStep)
		add(o.Actor, onlyTree)
		add(o.Inbox, onlyMailbox)
		add(o.Outbox, onlyMailbox)
		add(o.Core, onlyTree)
	}
	return edges
}

// Reader reads objects by id, tombstones as erased blobs.
type Reader interface {
	Load(id ID) (*Object, error)
}

// Seen is the result of a walk for an object whose closure is complete.
type Seen struct {
	Kind    Kind
	Nesting int32
}

// Walk forms closures. It keeps its own stack and reads each object once, grit.graph.iterative.
type Walk struct {
	Reader Reader
	Done   map[ID]Seen           // the objects that this walk has visited
	Known  func(ID) (Seen, bool) // the objects known to be complete; may be nil
}

// NewWalk returns a walk that has visited nothing.
func NewWalk(reader Reader) *Walk { return &Walk{Reader: reader, Done: map[ID]Seen{}} }

func (w *Walk) seen(id ID) (Seen, bool) {
	seen, ok := w.Done[id]
	if !ok && w.Known != nil {
		seen, ok = w.Known(id)
	}
	return seen, ok
}

type frame struct {
	id    ID
	kind  Kind
	edges []Edge
	next  int
	depth int32 // the largest nesting below a tree
}

// Visit adds the closure of an id, or refuses it: grit.graph.kinds.
func (w *Walk) Visit(root ID) error {
	if _, ok := w.seen(root); ok {
		return nil
	}
	stack := []frame{}
	push := func(id ID) error {
		object, err := w.Reader.Load(id)
		if err == nil {
			stack = append(stack, frame{id: id, kind: object.Kind, edges: object.Edges()})
		}
		return err
	}
	if err := push(root); err != nil {
		return err
	}
	for len(stack) > 0 {
		top := &stack[len(stack)-1]
		if top.next == len(top.edges) {
			seen := Seen{top.kind, 0}
			if top.kind == Tree {
				if seen.Nesting = top.depth + 1; seen.Nesting > TreeDepth {
					return exhausted("trees nested deeper than %d", TreeDepth)
				}
			}
			w.Done[top.id] = seen
			stack = stack[:len(stack)-1]
			continue
		}
		edge := top.edges[top.next]
		seen, ok := w.seen(edge.To)
		if !ok {
			if err := push(edge.To); err != nil {
				return err
			}
			continue
		}
		if !contains(edge.Kinds, seen.Kind) {
			return invalid("an edge of a %s leads to a %s", top.kind, seen.Kind)
		}
		if seen.Kind == Tree {
			top.depth = max(top.depth, seen.Nesting)
		}
		top.next++
	}
	return nil
}

func contains(kinds []Kind, kind Kind) bool {
	for _, k := range kinds {
		if k == kind {
			return true
		}
	}
	return false
}
