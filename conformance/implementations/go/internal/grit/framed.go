package grit

import (
	"bytes"
	"strconv"
)

// encodeFramed writes framed-sha256. The object has been checked and is in order.
func encodeFramed(o *Object) []byte {
	var body []byte
	headers := func() {
		for _, header := range o.Headers {
			body = append(append(body, header.Key...), 0)
			body = append(append(body, header.Value...), 0)
		}
		body = append(body, 0)
	}
	switch o.Kind {
	case Blob:
		headers()
		body = append(body, o.Data...)
	case Tree:
		for _, entry := range o.Entries {
			body = append(append(body, entry.Key...), 0)
			body = append(body, entry.ID[:]...)
		}
	case Message:
		body = append(body, o.Previous[:]...)
		headers()
		body = append(body, o.Content[:]...)
	case Mailbox:
		for _, entry := range o.Entries {
			body = append(append(body, entry.Key...), entry.ID[:]...)
		}
	case Step:
		for _, id := range []ID{o.Previous, o.Actor, o.Inbox, o.Outbox, o.Core} {
			body = append(body, id[:]...)
		}
	}
	whole := append(make([]byte, 0, len(body)+28), o.Kind.String()...)
	whole = strconv.AppendInt(append(whole, ' '), int64(len(body)), 10)
	return append(append(whole, 0), body...)
}

// framedReader reads the body of an object from front to back.
type framedReader struct{ rest []byte }

func (r *framedReader) text() (string, error) {
	end := bytes.IndexByte(r.rest, 0)
	if end < 0 {
		return "", malformed("a text without its NUL")
	}
	text := string(r.rest[:end])
	r.rest = r.rest[end+1:]
	return text, nil
}

func (r *framedReader) id() (id ID, err error) {
	if len(r.rest) < 32 {
		return id, malformed("%d bytes where an id should stand", len(r.rest))
	}
	copy(id[:], r.rest)
	r.rest = r.rest[32:]
	return id, nil
}

func (r *framedReader) someID() (ID, error) {
	id, err := r.id()
	if err == nil && id == None {
		err = invalid("an id that is all zero")
	}
	return id, err
}

// headers reads the list of headers with its own NUL: grit.framed.terminator, grit.header.order.
func (r *framedReader) headers() (headers []Header, err error) {
	for {
		if len(r.rest) == 0 {
			return nil, malformed("a list of headers without its end")
		}
		if r.rest[0] == 0 {
			r.rest = r.rest[1:]
			return headers, nil
		}
		var header Header
		if header.Key, err = r.text(); err != nil {
			return nil, err
		}
		if header.Value, err = r.text(); err != nil {
			return nil, err
		}
		if !ValidKey(header.Key) || !Framed.ValidValue(header.Value) {
			return nil, invalid("a header outside the grammar")
		}
		if n := len(headers); n > 0 && headers[n-1].Key >= header.Key {
			return nil, invalid("header keys do not ascend")
		}
		headers = append(headers, header)
	}
}

// framedHeader parses the header of an object: grit.framed.header, grit.framed.length.
func framedHeader(data []byte) (Kind, []byte, error) {
	end := bytes.IndexByte(data[:min(len(data), 28)], 0)
	if end < 0 {
		return 0, nil, malformed("no NUL ends a header")
	}
	word, digits, found := bytes.Cut(data[:end], []byte{' '})
	if !found || len(word) == 0 || len(digits) < 1 || len(digits) > 19 {
		return 0, nil, malformed("the header is not a kind, a space and a length")
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, nil, malformed("the length is not in decimal digits")
		}
	}
	kind, ok := KindNamed(string(word))
	if !ok {
		return 0, nil, invalid("no such kind: %q", word)
	}
	if digits[0] == '0' && len(digits) > 1 {
		return 0, nil, invalid("a length with a leading zero")
	}
	body := data[end+1:]
	if length, err := strconv.ParseUint(string(digits), 10, 64); err != nil || length != uint64(len(body)) {
		return 0, nil, malformed("the length is %s, there are %d bytes", digits, len(body))
	}
	return kind, body, nil
}

// decodeFramed reads framed-sha256 and stops at the first condition that holds.
func decodeFramed(data []byte) (*Object, error) {
	kind, body, err := framedHeader(data)
	if err != nil {
		return nil, err
	}
	o, r := &Object{Kind: kind}, &framedReader{body}
	switch kind {
	case Blob:
		if o.Headers, err = r.headers(); err == nil {
			o.Data = r.rest
		}
		return o, err
	case Tree, Mailbox:
		return o, r.entries(o)
	case Message:
		if o.Previous, err = r.id(); err != nil {
			return nil, err
		}
		if o.Headers, err = r.headers(); err != nil {
			return nil, err
		}
		if o.Content, err = r.someID(); err != nil {
			return nil, err
		}
	case Step:
		if o.Previous, err = r.id(); err != nil {
			return nil, err
		}
		if o.Actor, err = r.someID(); err != nil {
			return nil, err
		}
		if o.Inbox, err = r.id(); err != nil {
			return nil, err
		}
		if o.Outbox, err = r.id(); err != nil {
			return nil, err
		}
		if o.Core, err = r.someID(); err != nil {
			return nil, err
		}
	}
	if len(r.rest) > 0 {
		return nil, malformed("%d bytes behind the last field", len(r.rest))
	}
	return o, nil
}

// entries reads the entries of a tree or mailbox to the end of the body: grit.framed.fill, grit.tree.key-order.
func (r *framedReader) entries(o *Object) error {
	if len(r.rest) == 0 {
		return invalid("no entries")
	}
	for len(r.rest) > 0 {
		var entry Entry
		var err error
		if o.Kind == Tree {
			entry.Key, err = r.text()
		} else {
			var key ID
			key, err = r.someID()
			entry.Key = string(key[:])
		}
		if err != nil {
			return err
		}
		if o.Kind == Tree && !Framed.ValidName(entry.Key) {
			return invalid("a name outside the grammar")
		}
		if n := len(o.Entries); n > 0 && o.Entries[n-1].Key >= entry.Key {
			return invalid("keys do not ascend")
		}
		if entry.ID, err = r.someID(); err != nil {
			return err
		}
		o.Entries = append(o.Entries, entry)
	}
	return nil
}
