// Package guest is the host half: it runs code nodes of the form wasm:<path> with what their manifest grants.
package guest

import (
	"gritstone.example/implementation/internal/cbor"
	"gritstone.example/implementation/internal/grit"
	"gritstone.example/implementation/internal/wit"
)

const maxU63 = 1<<63 - 1

// outcome is the end of a call that neither made a step nor declined: a class and a code, wasm.outcome.code.
type outcome struct{ class, code string }

func (o *outcome) Error() string { return o.class + ":" + o.code }

func denied(grant string) error { return &outcome{"failed", "denied:" + grant} }

// document reads a blob with the one header ct: cbor whose data is one item in the deterministic encoding.
func document(reader grit.Reader, id grit.ID) (members cbor.Map, ok bool, err error) {
	blob, err := reader.Load(id)
	if err != nil {
		return nil, false, err
	}
	said := grit.Header{Key: "ct", Value: "cbor"}
	if blob.Kind != grit.Blob || blob.Erased || len(blob.Headers) != 1 || blob.Headers[0] != said {
		return nil, false, nil
	}
	value, fault := cbor.Decode(blob.Data)
	members, ok = value.(cbor.Map)
	return members, ok && fault == nil, nil
}

// makeDocument makes the blob of a document.
func makeDocument(overlay *grit.Overlay, members cbor.Map) (grit.ID, error) {
	return overlay.Make(&grit.Object{
		Kind: grit.Blob, Headers: []grit.Header{{Key: "ct", Value: "cbor"}}, Data: cbor.Append(nil, members),
	})
}

// clockGrant is the grant clock.
type clockGrant struct{ start, tick uint64 }

// Manifest is the document at wasm/manifest, with its defaults.
type Manifest struct {
	fuel    uint64
	tank    uint64
	hasTank bool
	pages   uint32
	image   bool
	random  []byte
	clock   *clockGrant
	attempt bool
	query   bool
	send    string
	spawn   string
	code    bool
	update  bool
	raw     bool
	mounts  map[string]string
}

func (m *Manifest) keepsState() bool {
	return m.image || m.random != nil || m.clock != nil || m.hasTank
}

// readManifest reads the manifest of a core; ok is false where an invalid manifest is there: wasm.manifest.strict.
func readManifest(reader grit.Reader, format *grit.Format, core grit.ID) (m *Manifest, ok bool, err error) {
	m = &Manifest{fuel: 10_000_000, pages: 256}
	id, err := wit.Follow(reader, core, "wasm/manifest")
	if err != nil || id == grit.None {
		return m, err == nil, err
	}
	members, ok, err := document(reader, id)
	if err != nil || !ok || members.Get("v") != uint64(1) {
		return nil, false, err
	}
	for _, member := range members {
		if !m.member(format, member) {
			return nil, false, nil
		}
	}
	return m, true, nil
}

func number(value any, low, high uint64) (uint64, bool) {
	n, ok := value.(uint64)
	return n, ok && n >= low && n <= high
}

// member reads one member of the document and reports whether it is allowed.
func (m *Manifest) member(format *grit.Format, member cbor.Member) (ok bool) {
	word := func(target *string, words ...string) bool {
		*target, ok = member.Value.(string)
		for _, word := range words {
			if ok && *target == word {
				return true
			}
		}
		return false
	}
	flag := func(target *bool) bool {
		*target = member.Value == true
		return *target
	}
	switch member.Key {
	case "v":
		return true
	case "fuel":
		m.fuel, ok = number(member.Value, 1, maxU63)
	case "tank":
		m.tank, ok = number(member.Value, 0, maxU63)
		m.hasTank = true
	case "pages":
		var pages uint64
		pages, ok = number(member.Value, 0, 65536)
		m.pages = uint32(pages)
	case "image":
		return flag(&m.image)
	case "random":
		m.random, ok = member.Value.([]byte)
		return ok && len(m.random) == 32
	case "clock":
		return m.clockMember(member.Value)
	case "attempt":
		return flag(&m.attempt)
	case "query":
		return flag(&m.query)
	case "send":
		return word(&m.send, "reply", "any")
	case "spawn":
		return word(&m.spawn, "wasm", "any")
	case "code":
		return flag(&m.code)
	case "update":
		var everybody string
		m.update = true
		return word(&everybody, "any")
	case "raw":
		return flag(&m.raw)
	case "mounts":
		return m.mountsMember(format, member.Value)
	}
	return ok
}

func (m *Manifest) clockMember(value any) bool {
	members, ok := value.(cbor.Map)
	if !ok || len(members) != 2 {
		return false
	}
	start, first := number(members.Get("start"), 0, maxU63)
	tick, second := number(members.Get("tick"), 0, maxU63)
	m.clock = &clockGrant{start, tick}
	return first && second
}

func (m *Manifest) mountsMember(format *grit.Format, value any) bool {
	members, ok := value.(cbor.Map)
	if !ok {
		return false
	}
	m.mounts = map[string]string{}
	for _, mount := range members {
		mode, _ := mount.Value.(string)
		if !format.ValidName(mount.Key) || mode != "ro" && mode != "rw" {
			return false
		}
		m.mounts[mount.Key] = mode
	}
	return true
}
