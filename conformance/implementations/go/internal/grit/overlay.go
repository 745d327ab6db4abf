package grit

// Overlay is a store with objects that are not stored yet. What a transition makes stands in one until it is a step.
type Overlay struct {
	Store *Store
	made  map[ID]*record
}

// NewOverlay begins with nothing made.
func NewOverlay(store *Store) *Overlay { return &Overlay{store, map[ID]*record{}} }

// Load gives an object of the overlay or of its store. A tombstone stays one, also if the blob was made again.
func (o *Overlay) Load(id ID) (*Object, error) {
	if made := o.made[id]; made != nil {
		return made.object, nil
	}
	return o.Store.Load(id)
}

// Make adds an object and gives its id.
func (o *Overlay) Make(object *Object) (ID, error) {
	data, id, err := o.Store.Format.Encode(object)
	if err != nil {
		return None, err
	}
	if o.made[id] == nil && !o.Store.Has(id) && !o.Store.Erased(id) {
		decoded, err := o.Store.Format.Decode(data)
		if err != nil {
			return None, err
		}
		o.made[id] = &record{data, decoded}
	}
	return id, nil
}

// Commit stores what an id reaches of what was made, and nothing else of it.
func (o *Overlay) Commit(id ID) {
	stack := []ID{id}
	for len(stack) > 0 {
		id := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		made := o.made[id]
		if made == nil {
			continue
		}
		delete(o.made, id)
		o.Store.objects[id] = made
		for _, edge := range made.object.Edges() {
			stack = append(stack, edge.To)
		}
	}
}
