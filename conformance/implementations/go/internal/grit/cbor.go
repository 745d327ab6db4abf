package grit

import (
	"encoding/binary"

	"gritstone.example/implementation/internal/cbor"
)

// encodeCbor writes cbor-blake3. The object has been checked and is in order.
func encodeCbor(o *Object) []byte {
	var out []byte
	headers := func() {
		out = cbor.AppendHead(out, 5, uint64(len(o.Headers)))
		for _, header := range o.Headers {
			out = cbor.AppendText(cbor.AppendText(out, header.Key), header.Value)
		}
	}
	id := func(id ID) {
		if id == None {
			out = append(out, 0xf6)
		} else {
			out = cbor.AppendBytes(out, id[:])
		}
	}
	sizes := map[Kind]uint64{Blob: 3, Tree: 2, Message: 4, Mailbox: 2, Step: 6}
	out = cbor.AppendHead(out, 4, sizes[o.Kind])
	out = cbor.AppendHead(out, 0, uint64(o.Kind-1))
	switch o.Kind {
	case Blob:
		headers()
		out = cbor.AppendBytes(out, o.Data)
	case Tree, Mailbox:
		out = cbor.AppendHead(out, 5, uint64(len(o.Entries)))
		for _, entry := range o.Entries {
			if o.Kind == Tree {
				out = cbor.AppendText(out, entry.Key)
			} else {
				out = cbor.AppendBytes(out, []byte(entry.Key))
			}
			id(entry.ID)
		}
	case Message:
		id(o.Previous)
		headers()
		id(o.Content)
	case Step:
		for _, field := range []ID{o.Previous, o.Actor, o.Inbox, o.Outbox, o.Core} {
			id(field)
		}
	}
	return out
}

// cborReader reads an object from start to end. An unexpected head is refused by its own form: malformed if
// the bytes end in it or it has reserved additional information, else invalid.
type cborReader struct{ rest []byte }

func (r *cborReader) head(major byte) (uint64, error) {
	if len(r.rest) == 0 {
		return 0, malformed("the bytes end before an item")
	}
	first := r.rest[0]
	info := first & 31
	if info >= 28 && info <= 30 || info == 31 && (first>>5 < 2 || first>>5 == 6) || first == 0xff {
		return 0, malformed("no item begins with %02x", first)
	}
	if info == 31 {
		return 0, invalid("an item of indefinite length")
	}
	value, size := uint64(info), 0
	if info >= 24 {
		size = 1 << (info - 24)
	}
	if len(r.rest) < 1+size {
		return 0, malformed("the bytes end within a head")
	}
	switch size {
	case 1:
		value = uint64(r.rest[1])
	case 2:
		value = uint64(binary.BigEndian.Uint16(r.rest[1:]))
	case 4:
		value = uint64(binary.BigEndian.Uint32(r.rest[1:]))
	case 8:
		value = binary.BigEndian.Uint64(r.rest[1:])
	}
	if first == 0xf8 && value < 32 {
		return 0, malformed("f8 before %02x", value)
	}
	if first>>5 != major {
		return 0, invalid("an item of another type")
	}
	if len(cbor.AppendHead(nil, major, value)) != 1+size {
		return 0, invalid("a head that is longer than its argument needs")
	}
	r.rest = r.rest[1+size:]
	return value, nil
}

func (r *cborReader) string(major byte) ([]byte, error) {
	size, err := r.head(major)
	if err != nil {
		return nil, err
	}
	if size > uint64(len(r.rest)) {
		return nil, malformed("the bytes end within a string")
	}
	data := r.rest[:size]
	r.rest = r.rest[size:]
	return data, nil
}

func (r *cborReader) id() (ID, error) {
	data, err := r.string(2)
	if err != nil {
		return None, err
	}
	if len(data) != 32 || ID(data) == None {
		return None, invalid("an id that is not 32 bytes, or all zero")
	}
	return ID(data), nil
}

func (r *cborReader) idOrNone() (ID, error) {
	if len(r.rest) > 0 && r.rest[0] == 0xf6 {
		r.rest = r.rest[1:]
		return None, nil
	}
	return r.id()
}

// headers reads a map of headers: grit.cbor.map-order, grit.cbor.utf8.
func (r *cborReader) headers() ([]Header, error) {
	count, err := r.head(5)
	if err != nil {
		return nil, err
	}
	var headers []Header
	for range count {
		key, err := r.string(3)
		if err != nil {
			return nil, err
		}
		if !ValidKey(string(key)) {
			return nil, invalid("a header key outside the grammar")
		}
		if n := len(headers); n > 0 && compareEncoded(headers[n-1].Key, string(key)) >= 0 {
			return nil, invalid("header keys do not ascend")
		}
		value, err := r.string(3)
		if err != nil {
			return nil, err
		}
		if !Cbor.ValidValue(string(value)) {
			return nil, invalid("a header value outside the grammar")
		}
		headers = append(headers, Header{string(key), string(value)})
	}
	return headers, nil
}

func (r *cborReader) entries(o *Object) error {
	count, err := r.head(5)
	if err != nil {
		return err
	}
	if count == 0 {
		return invalid("no entries")
	}
	for range count {
		var entry Entry
		if o.Kind == Tree {
			name, err := r.string(3)
			if err != nil {
				return err
			}
			entry.Key = string(name)
			if !Cbor.ValidName(entry.Key) {
				return invalid("a name outside the grammar")
			}
		} else {
			key, err := r.id()
			if err != nil {
				return err
			}
			entry.Key = string(key[:])
		}
		if n := len(o.Entries); n > 0 && compareEncoded(o.Entries[n-1].Key, entry.Key) >= 0 {
			return invalid("keys do not ascend")
		}
		if entry.ID, err = r.id(); err != nil {
			return err
		}
		o.Entries = append(o.Entries, entry)
	}
	return nil
}

// decodeCbor reads cbor-blake3 and stops at the first element that does not fit: grit.cbor.shape.
func decodeCbor(data []byte) (*Object, error) {
	r := &cborReader{data}
	size, err := r.head(4)
	if err != nil {
		return nil, err
	}
	if size == 0 {
		return nil, invalid("an array without elements")
	}
	number, err := r.head(0)
	if err != nil {
		return nil, err
	}
	sizes := []uint64{3, 2, 4, 2, 6}
	if number > 4 || sizes[number] != size {
		return nil, invalid("no kind %d has %d elements", number, size)
	}
	o := &Object{Kind: Kind(number + 1)}
	if err := r.fields(o); err != nil {
		return nil, err
	}
	if len(r.rest) > 0 {
		return nil, malformed("%d bytes behind the item", len(r.rest))
	}
	return o, nil
}

func (r *cborReader) fields(o *Object) (err error) {
	switch o.Kind {
	case Blob:
		if o.Headers, err = r.headers(); err != nil {
			return err
		}
		o.Data, err = r.string(2)
		return err
	case Tree, Mailbox:
		return r.entries(o)
	case Message:
		if o.Previous, err = r.idOrNone(); err != nil {
			return err
		}
		if o.Headers, err = r.headers(); err != nil {
			return err
		}
		o.Content, err = r.id()
		return err
	}
	for _, field := range []struct {
		id   *ID
		read func() (ID, error)
	}{{&o.Previous, r.idOrNone}, {&o.Actor, r.id}, {&o.Inbox, r.idOrNone}, {&o.Outbox, r.idOrNone}, {&o.Core, r.id}} {
		if *field.id, err = field.read(); err != nil {
			return err
		}
	}
	return nil
}
