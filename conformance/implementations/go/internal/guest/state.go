package guest

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"

	"gritstone.example/implementation/internal/cbor"
	"gritstone.example/implementation/internal/grit"
	"gritstone.example/implementation/internal/wit"
)

// state is the document at wasm/state, or the initial one.
type state struct {
	used     uint64
	hasImage bool
	pages    uint32
	globals  []uint64
	key      []byte
	position uint64
	clock    uint64
	call     bool
}

// readState reads the state of a core under a manifest that keeps state. A granted member that the state lacks has its
// initial value, and a member without a grant is ignored. ok is false for a defect: wasm.image.strict.
func readState(reader grit.Reader, core grit.ID, m *Manifest) (s *state, ok bool, err error) {
	s = &state{key: m.random}
	if m.clock != nil {
		s.clock = m.clock.start
	}
	id, err := wit.Follow(reader, core, "wasm/state")
	if err != nil || id == grit.None {
		return s, err == nil, err
	}
	members, ok, err := document(reader, id)
	if err != nil || !ok || members.Get("v") != uint64(1) {
		return s, false, err
	}
	seen := map[string]bool{}
	for _, member := range members {
		if !s.member(member, m) {
			return s, false, nil
		}
		seen[member.Key] = true
	}
	ok = seen["used"] && seen["pages"] == seen["globals"] && (seen["pages"] || !seen["call"])
	s.hasImage = seen["pages"] && m.image
	s.call = s.call && m.image
	return s, ok, nil
}

func (s *state) member(member cbor.Member, m *Manifest) (ok bool) {
	switch member.Key {
	case "v":
		return true
	case "used":
		s.used, ok = number(member.Value, 0, maxU63)
	case "pages":
		var pages uint64
		pages, ok = number(member.Value, 0, 65536)
		s.pages = uint32(pages)
	case "globals":
		items, list := member.Value.([]any)
		ok = list
		for _, item := range items {
			bits, number := item.(uint64)
			ok = ok && number
			s.globals = append(s.globals, bits)
		}
	case "random":
		pair, _ := member.Value.([]any)
		if len(pair) != 2 {
			return false
		}
		key, first := pair[0].([]byte)
		position, second := number(pair[1], 0, maxU63)
		if m.random != nil {
			s.key, s.position = key, position
		}
		return first && second && len(key) == 32
	case "clock":
		var clock uint64
		clock, ok = number(member.Value, 0, maxU63)
		if m.clock != nil {
			s.clock = clock
		}
	case "call":
		s.call = true
		return member.Value == "wit"
	}
	return ok
}

// document returns the members that a manifest grants.
func (s *state) document(m *Manifest) cbor.Map {
	members := cbor.Map{{Key: "v", Value: uint64(1)}, {Key: "used", Value: min(s.used, maxU63)}}
	if s.hasImage {
		globals := []any{}
		for _, bits := range s.globals {
			globals = append(globals, bits)
		}
		members = append(members, cbor.Member{Key: "pages", Value: uint64(s.pages)})
		members = append(members, cbor.Member{Key: "globals", Value: globals})
	}
	if m.random != nil {
		members = append(members, cbor.Member{Key: "random", Value: []any{s.key, s.position}})
	}
	if m.clock != nil {
		members = append(members, cbor.Member{Key: "clock", Value: s.clock})
	}
	if s.call {
		members = append(members, cbor.Member{Key: "call", Value: "wit"})
	}
	return members
}

// random fills a buffer from the stream of the key and moves on: wasm.random.stream.
func (s *state) random(out []byte) {
	prefix := append(append([]byte("gritstone wasm random v1"), 0), s.key...)
	for len(out) > 0 {
		block := sha256.Sum256(binary.BigEndian.AppendUint64(bytes.Clone(prefix), s.position/32))
		n := copy(out, block[s.position%32:])
		s.position += uint64(n)
		out = out[n:]
	}
}

// tick returns the clock and advances it: wasm.clock.count.
func (s *state) tick(m *Manifest) uint64 {
	now := s.clock
	s.clock = (s.clock + m.clock.tick) & maxU63
	return now
}
