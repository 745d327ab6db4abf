package grit

import (
	"bytes"
	"encoding/binary"
	"regexp"
	"slices"
	"strings"
)

const bundleLine = "gritstone bundle 1\n"

// Bundle is a verified bundle: references, and frames in ascending order of their ids.
type Bundle struct {
	Refs    []Ref
	Frames  map[ID]*Frame
	Objects int
}

// Frame is an object with its encoding, or a tombstone, which has none.
type Frame struct {
	Data   []byte
	Object *Object
}

// Load makes a bundle a reader of its own frames.
func (b *Bundle) Load(id ID) (*Object, error) {
	if frame := b.Frames[id]; frame != nil {
		return frame.Object, nil
	}
	return nil, invalid("%s is no frame", id)
}

// Bytes writes a bundle: grit.bundle.bytes, grit.bundle.deterministic.
func (b *Bundle) Bytes(format *Format) []byte {
	out := []byte(bundleLine + "format " + format.Name + "\n")
	refs := slices.SortedFunc(slices.Values(b.Refs), func(a, b Ref) int { return strings.Compare(a.Name, b.Name) })
	for _, ref := range refs {
		out = append(out, "ref "+ref.Name+" "+ref.Target.String()+"\n"...)
	}
	out = append(out, '\n')
	ids := make([]ID, 0, len(b.Frames))
	for id := range b.Frames {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b ID) int { return bytes.Compare(a[:], b[:]) })
	for _, id := range ids {
		if frame := b.Frames[id]; frame.Object.Erased {
			out = append(append(out, 'x'), id[:]...)
		} else {
			out = binary.BigEndian.AppendUint64(append(out, 'o'), uint64(len(frame.Data)))
			out = append(out, frame.Data...)
		}
	}
	out = binary.BigEndian.AppendUint64(append(out, 'z'), uint64(len(ids)))
	digest := format.Hash(out)
	return append(out, digest[:]...)
}

// Export writes the bundle of the named references, or of all: grit.bundle.exact.
func (s *Store) Export(names []string, all bool) ([]byte, error) {
	b := &Bundle{Frames: map[ID]*Frame{}}
	if all {
		b.Refs, _ = s.Refs("", nil, len(s.refs))
	} else {
		for _, name := range slices.Compact(slices.Sorted(slices.Values(names))) {
			target, ok := s.refs[name]
			if !ok {
				return nil, Refuse("missing", "", "there is no reference %q", name)
			}
			b.Refs = append(b.Refs, Ref{name, target})
		}
	}
	walk := NewWalk(s)
	for _, ref := range b.Refs {
		if err := walk.Visit(ref.Target); err != nil {
			return nil, err
		}
	}
	for id := range walk.Done {
		object, err := s.Load(id)
		if err != nil {
			return nil, err
		}
		frame := &Frame{Object: object}
		if !object.Erased {
			if frame.Data, err = s.Get(id); err != nil {
				return nil, err
			}
		}
		b.Frames[id] = frame
	}
	return b.Bytes(s.Format), nil
}

var (
	formatLine = regexp.MustCompile(`\Aformat ([a-z][a-z0-9-]{0,31})\z`)
	refLine    = regexp.MustCompile(`\Aref ([\x21-\x7e]{1,233}) ([0-9a-f]{64})\z`)
)

// ReadBundle verifies a bundle by its bytes alone: grit.bundle.verify, grit.bundle.truncated.
func ReadBundle(data []byte, format *Format) (*Bundle, error) {
	rest := data
	line := func() (string, bool) {
		end := bytes.IndexByte(rest[:min(len(rest), 304)], '\n')
		if end < 0 {
			return "", false
		}
		text := string(rest[:end])
		rest = rest[end+1:]
		return text, true
	}
	if first, ok := line(); !ok || first+"\n" != bundleLine {
		return nil, malformed("the first line is another")
	}
	second, _ := line()
	match := formatLine.FindStringSubmatch(second)
	if match == nil {
		return nil, malformed("the second line names no format")
	}
	if match[1] != format.Name {
		return nil, Refuse("rejected", "format", "the bundle is of the format %s", match[1])
	}
	b := &Bundle{Frames: map[ID]*Frame{}}
	for {
		text, ok := line()
		if ok && text == "" {
			break
		}
		match := refLine.FindStringSubmatch(text)
		if !ok || match == nil {
			return nil, malformed("no reference line")
		}
		target, _ := ParseID(match[2])
		if !ValidRef(match[1]) || len(b.Refs) > 0 && b.Refs[len(b.Refs)-1].Name >= match[1] {
			return nil, invalid("a reference with a bad name or out of order")
		}
		b.Refs = append(b.Refs, Ref{match[1], target})
	}
	if err := b.readFrames(data, rest, format); err != nil {
		return nil, err
	}
	return b, b.checkClosure()
}

// readFrames reads the frames and the end.
func (b *Bundle) readFrames(data, rest []byte, format *Format) error {
	last := None
	for {
		if len(rest) == 0 {
			return malformed("the bytes end before the end")
		}
		mark := rest[0]
		rest = rest[1:]
		frame, id := &Frame{}, None
		switch {
		case mark == 'x' && len(rest) >= 32:
			id, rest = ID(rest[:32]), rest[32:]
			if id == None {
				return invalid("a tombstone of the zero id")
			}
			frame.Object = &Object{Kind: Blob, Erased: true}
		case mark == 'o' && len(rest) >= 8:
			size := binary.BigEndian.Uint64(rest)
			rest = rest[8:]
			if size > ObjectBytes {
				return exhausted("an object of %d bytes", size)
			}
			if size > uint64(len(rest)) {
				return malformed("the bytes end within an object")
			}
			frame.Data, rest = rest[:size:size], rest[size:]
			var err error
			if frame.Object, err = format.Decode(frame.Data); err != nil {
				return err
			}
			id = format.Hash(frame.Data)
			b.Objects++
		case mark == 'z' && len(rest) >= 40:
			if len(rest) > 40 {
				return malformed("bytes follow the end")
			}
			if format.Hash(data[:len(data)-32]) != ID(rest[8:40]) {
				return Refuse("invalid", "digest", "the bytes do not hash to the digest")
			}
			if binary.BigEndian.Uint64(rest) != uint64(len(b.Frames)) {
				return invalid("the count is another")
			}
			return nil
		default:
			return malformed("no frame and no end, or not all of one")
		}
		if bytes.Compare(last[:], id[:]) >= 0 {
			return invalid("frames do not ascend")
		}
		last = id
		b.Frames[id] = frame
	}
}

// checkClosure reports whether the frames are exactly the closure of the references.
func (b *Bundle) checkClosure() error {
	walk := NewWalk(b)
	for _, ref := range b.Refs {
		object, err := b.Load(ref.Target)
		if err != nil {
			return err
		}
		if !targetFits(ref.Name, object) {
			return invalid("%s cannot have this target", ref.Name)
		}
		if err := walk.Visit(ref.Target); err != nil {
			return err
		}
	}
	if len(walk.Done) != len(b.Frames) {
		return invalid("a frame that is not reached")
	}
	return nil
}

// Import stores a verified bundle, grit.bundle.import-atomic.
func (s *Store) Import(b *Bundle) error {
	count := len(s.refs)
	for _, ref := range b.Refs {
		target, there := s.refs[ref.Name]
		if there && target != ref.Target {
			return Refuse("rejected", "conflict", "%s has another target", ref.Name)
		}
		if !there {
			count++
		}
	}
	if count > RefsLimit {
		return exhausted("%d references", count)
	}
	for id, frame := range b.Frames {
		switch {
		case s.erased[id] || s.objects[id] != nil:
		case frame.Object.Erased:
			s.erased[id] = true
		default:
			data := bytes.Clone(frame.Data)
			object, err := s.Format.Decode(data)
			if err != nil {
				return err
			}
			s.objects[id] = &record{data, object}
		}
	}
	for _, ref := range b.Refs {
		s.refs[ref.Name] = ref.Target
	}
	return nil
}
