package grit

import (
	"crypto/sha256"
	"slices"
	"strings"

	"github.com/zeebo/blake3"
)

// Limits that this implementation declares.
const (
	ObjectBytes = 8_388_608
	TreeDepth   = 1_024
	CasNames    = 64
	RefsLimit   = 10_000
)

// Format is an encoding of objects with its hash.
type Format struct {
	Name   string
	ascii  bool
	hash   func([]byte) ID
	encode func(*Object) []byte
	decode func([]byte) (*Object, error)
	less   func(a, b string) int // the format's order of keys
}

// The two formats.
var (
	Framed = &Format{Name: "framed-sha256", ascii: true, hash: sha256Sum, encode: encodeFramed, less: strings.Compare}
	Cbor   = &Format{Name: "cbor-blake3", hash: blake3Sum, encode: encodeCbor, less: compareEncoded}
)

func init() {
	Framed.decode = func(data []byte) (*Object, error) { return decodeFramed(data) }
	Cbor.decode = func(data []byte) (*Object, error) { return decodeCbor(data) }
}

// FormatNamed returns the format of a name, or nil.
func FormatNamed(name string) *Format {
	switch name {
	case Framed.Name:
		return Framed
	case Cbor.Name:
		return Cbor
	}
	return nil
}

func sha256Sum(data []byte) ID { return sha256.Sum256(data) }
func blake3Sum(data []byte) ID { return blake3.Sum256(data) }

// compareEncoded orders keys by their encodings in CBOR: a shorter one first.
func compareEncoded(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}

// Hash returns the format's hash of any bytes, grit.id.whole.
func (f *Format) Hash(data []byte) ID { return f.hash(data) }

// Decode returns the object that bytes encode, or refuses them: grit.object.total, grit.object.size-limit.
func (f *Format) Decode(data []byte) (*Object, error) {
	if len(data) > ObjectBytes {
		return nil, exhausted("%d bytes", len(data))
	}
	return f.decode(data)
}

// Encode returns the one encoding of an object and its id: grit.object.one-spelling, grit.object.encode-refuses.
func (f *Format) Encode(object *Object) ([]byte, ID, error) {
	ordered := *object
	ordered.Headers = slices.Clone(object.Headers)
	slices.SortStableFunc(ordered.Headers, func(a, b Header) int { return f.less(a.Key, b.Key) })
	ordered.Entries = slices.Clone(object.Entries)
	slices.SortStableFunc(ordered.Entries, func(a, b Entry) int { return f.less(a.Key, b.Key) })
	if err := f.check(&ordered); err != nil {
		return nil, None, err
	}
	data := f.encode(&ordered)
	if len(data) > ObjectBytes {
		return nil, None, exhausted("%d bytes", len(data))
	}
	return data, f.hash(data), nil
}

// check refuses values that have no encoding; headers and entries are in order already.
func (f *Format) check(o *Object) error {
	for i, header := range o.Headers {
		if !ValidKey(header.Key) || !f.ValidValue(header.Value) {
			return invalid("header %d is outside the grammar", i)
		}
		if i > 0 && o.Headers[i-1].Key == header.Key {
			return invalid("header key %q occurs twice", header.Key)
		}
	}
	switch o.Kind {
	case Tree, Mailbox:
		if len(o.Entries) == 0 {
			return invalid("no entries")
		}
		for i, entry := range o.Entries {
			if o.Kind == Tree && !f.ValidName(entry.Key) || o.Kind == Mailbox && ID([]byte(entry.Key)) == None {
				return invalid("entry %d: bad key", i)
			}
			if entry.ID == None {
				return invalid("entry %d leads to the zero id", i)
			}
			if i > 0 && o.Entries[i-1].Key == entry.Key {
				return invalid("entry %d: key occurs twice", i)
			}
		}
	case Message:
		if o.Content == None {
			return invalid("a message without content")
		}
	case Step:
		if o.Actor == None || o.Core == None {
			return invalid("a step without actor or core")
		}
	}
	return nil
}
