package grit

// Store holds objects of one format, tombstones and references, in memory.
type Store struct {
	Format  *Format
	objects map[ID]*record
	erased  map[ID]bool
	refs    map[string]ID
	whole   map[ID]Seen // objects whose closure is known to be complete
	roots   map[ID]ID   // the last message or step along previous, of those that were asked for
}

type record struct {
	data   []byte
	object *Object
}

// NewStore makes an empty store.
func NewStore(format *Format) *Store {
	s := &Store{Format: format, objects: map[ID]*record{}, erased: map[ID]bool{}, refs: map[string]ID{}}
	s.forget()
	return s
}

func (s *Store) forget() { s.whole, s.roots = map[ID]Seen{}, map[ID]ID{} }

// Put stores the bytes of an object: grit.store.put-strict, grit.store.put-idempotent.
func (s *Store) Put(data []byte, expected *ID) (ID, error) {
	object, err := s.Format.Decode(data)
	if err != nil {
		return None, err
	}
	id := s.Format.Hash(data)
	if expected != nil && *expected != id {
		return None, Refuse("invalid", "digest", "the bytes hash to %s", id)
	}
	if s.erased[id] {
		return None, Refuse("rejected", "erased", "%s was erased", id)
	}
	if s.objects[id] == nil {
		s.objects[id] = &record{data, object}
	}
	return id, nil
}

// Get returns the bytes of an object, hashed again: grit.store.missing.
func (s *Store) Get(id ID) ([]byte, error) {
	record := s.objects[id]
	switch {
	case s.erased[id]:
		return nil, Refuse("missing", "erased", "%s was erased", id)
	case record == nil:
		return nil, Refuse("missing", "", "there is no %s", id)
	case s.Format.Hash(record.data) != id:
		return nil, Refuse("missing", "corrupt", "%s is corrupt", id)
	}
	return record.data, nil
}

// Has reports whether bytes are stored under an id.
func (s *Store) Has(id ID) bool { return s.objects[id] != nil }

// Load returns an object, or an erased blob for a tombstone.
func (s *Store) Load(id ID) (*Object, error) {
	if record := s.objects[id]; record != nil {
		return record.object, nil
	}
	if s.erased[id] {
		return &Object{Kind: Blob, Erased: true}, nil
	}
	return nil, Refuse("missing", "", "there is no %s", id)
}

// Erased reports whether there is a tombstone.
func (s *Store) Erased(id ID) bool { return s.erased[id] }

// Erase puts a tombstone in the place of a blob: grit.erase.blob-only.
func (s *Store) Erase(id ID) error {
	object, err := s.Load(id)
	if err != nil {
		return err
	}
	if object.Kind != Blob {
		return Refuse("rejected", "", "%s is a %s", id, object.Kind)
	}
	delete(s.objects, id)
	s.erased[id] = true
	return nil
}

// Known returns the record of an object whose closure was found to be complete.
func (s *Store) Known(id ID) (Seen, bool) {
	seen, ok := s.whole[id]
	return seen, ok
}

// Note records the objects of a walk whose closures are complete. All of them are in the store.
func (s *Store) Note(done map[ID]Seen) {
	for id, seen := range done {
		s.whole[id] = seen
	}
}

// Root returns the last message or step along previous. It stores the result, so that a chain is walked once.
func (s *Store) Root(reader Reader, id ID) (ID, error) {
	var passed []ID
	for {
		if root, ok := s.roots[id]; ok {
			id = root
			break
		}
		object, err := reader.Load(id)
		if err != nil {
			return None, err
		}
		passed = append(passed, id)
		if object.Previous == None {
			break
		}
		id = object.Previous
	}
	for _, other := range passed {
		s.roots[other] = id
	}
	return id, nil
}

// Prune removes and counts the objects that no reference and no pin reaches: grit.prune.exact.
func (s *Store) Prune(pins []ID) (int, error) {
	walk := NewWalk(s)
	for _, target := range s.refs {
		if err := walk.Visit(target); err != nil {
			return 0, err
		}
	}
	for _, pin := range pins {
		if err := walk.Visit(pin); err != nil {
			return 0, err
		}
	}
	removed := 0
	for id := range s.objects {
		if _, reached := walk.Done[id]; !reached {
			delete(s.objects, id)
			removed++
		}
	}
	s.forget()
	return removed, nil
}
