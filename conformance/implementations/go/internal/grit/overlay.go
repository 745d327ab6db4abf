package grit

// Overlay is a store with objects that are not stored yet. It has the objects of a transition until they are a step.
type Overlay struct {
	Store *Store
	made  map[ID]*record
}

// NewOverlay returns an overlay without made objects.
func NewOverlay(store *Store) *Overlay { return &Overlay{store, map[ID]*record{}} }

// Load returns an object of the overlay or of its store. A tombstone remains one, even if the blob was made again.
func (o *Overlay) Load(id ID) (*Object, error) {
	if made := o.made[id]; made != nil {
		return made.object, nil
	}
	return o.Store.Load(id)
}

// Make adds an object and returns its id.
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

// Commit stores the made objects that an id reaches, and no others.
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
