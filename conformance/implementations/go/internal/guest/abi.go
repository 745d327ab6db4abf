package guest

import (
	"bytes"
	"errors"
	"slices"
	"strings"

	"gritstone.example/implementation/internal/grit"
	"gritstone.example/implementation/internal/wasm"
)

// The errors of the ABI.
const (
	absent  = -1
	kind    = -2
	invalid = -3
	unknown = -4
	limit   = -5
	failed  = -6
	erased  = -7
)

// weightLimit is the most that an object which a guest makes may weigh.
const weightLimit = 8_388_000

// function is one function of the module grit. Each letter of roles is a parameter: i an id that is passed, o a place
// for an id, p a pointer and n the length behind it that are read, b a buffer and n its room, v a plain value.
type function struct {
	roles   string
	base    uint64
	granted func(*call) bool // nil: always
	run     func(*hostCall) (int64, error)
}

var functions map[string]*function

func init() {
	functions = map[string]*function{
		"input": {"vo", 100, nil, (*hostCall).input}, "covered": {"voo", 100, nil, (*hostCall).covered},
		"kind": {"i", 100, nil, (*hostCall).kind}, "size": {"i", 100, nil, (*hostCall).size},
		"read": {"ivbn", 100, nil, (*hostCall).read}, "headers": {"ibn", 100, nil, (*hostCall).headers},
		"link": {"ivo", 100, nil, (*hostCall).link}, "entry": {"ivbno", 100, nil, (*hostCall).entry},
		"find": {"ipno", 100, nil, (*hostCall).find}, "place": {"ipnio", 1000, nil, (*hostCall).place},
		"mail": {"iiio", 1000, nil, (*hostCall).mail}, "blob": {"pnpno", 1000, nil, (*hostCall).blob},
		"message": {"ipnio", 1000, nil, (*hostCall).message}, "step": {"iiiiio", 1000, nil, (*hostCall).step},
		"result": {"i", 100, nil, (*hostCall).setResult}, "query_name": {"bn", 100, nil, (*hostCall).queryName},
		"query": {"ipnio", 10_000, func(c *call) bool { return c.plan.manifest.query && c.query == nil },
			(*hostCall).askOther},
		"random":  {"bn", 100, func(c *call) bool { return c.plan.manifest.random != nil }, (*hostCall).random},
		"clock":   {"", 100, func(c *call) bool { return c.plan.manifest.clock != nil }, (*hostCall).clock},
		"attempt": {"", 100, func(c *call) bool { return c.plan.manifest.attempt }, (*hostCall).attempt},
		"fuel":    {"", 100, nil, (*hostCall).fuel}, "log": {"pn", 100, nil, (*hostCall).log},
		"fail": {"vpn", 100, nil, (*hostCall).fail},
		"wait": {"", 100, func(*call) bool { return false }, (*hostCall).log},
	}
}

// hostCall is one call of a function: its arguments and the inputs that it read.
type hostCall struct {
	*call
	instance *wasm.Instance
	memory   []byte
	args     []uint32
	ids      []grit.ID // those passed, in order
	texts    [][]byte  // those passed, in order
	outs     []uint32  // places for ids
	buffer   []byte
}

// Call runs a function that a guest imports, in the order of a host call: wasm.abi.order.
func (c *call) Call(name string, instance *wasm.Instance, args []uint32) (uint64, error) {
	f := functions[name]
	h := &hostCall{call: c, instance: instance, memory: instance.Memory(), args: args}
	read, err := h.ranges(f.roles)
	if err != nil {
		return 0, err
	}
	if err := instance.Charge(f.base + (read+7)/8); err != nil {
		return 0, err
	}
	if f.granted != nil && !f.granted(c) {
		return 0, denied(name)
	}
	result, err := f.run(h)
	if name == "clock" || name == "fuel" {
		return uint64(result), err
	}
	return uint64(uint32(result)), err
}

// ranges checks each range completely and reads the inputs: wasm.abi.range. It returns the bytes of all input ranges.
func (h *hostCall) ranges(roles string) (read uint64, err error) {
	for i, role := range roles {
		if role == 'v' || role == 'n' {
			continue
		}
		start, size := uint64(h.args[i]), uint64(32)
		if role == 'p' || role == 'b' {
			size = uint64(h.args[i+1])
		}
		if start+size > uint64(len(h.memory)) {
			return 0, wasm.MemoryBounds
		}
		part := h.memory[start : start+size]
		switch role {
		case 'i':
			h.ids = append(h.ids, grit.ID(part))
			read += size
		case 'p':
			h.texts = append(h.texts, part)
			read += size
		case 'o':
			h.outs = append(h.outs, h.args[i])
		case 'b':
			h.buffer = part
		}
	}
	return read, nil
}

// charge makes charge B of the bytes written and a weight.
func (h *hostCall) charge(written, weight uint64) error {
	return h.instance.Charge((written + weight + 7) / 8)
}

// give writes an id at the k-th place for one and puts it into scope.
func (h *hostCall) give(k int, id grit.ID) {
	copy(h.memory[h.outs[k]:], id[:])
	if id != grit.None {
		h.scope[id] = true
	}
}

// object loads an object; a store that has lost it is trouble of the host.
func (c *call) object(id grit.ID) (*grit.Object, error) { return c.overlay.Load(id) }

// known reports whether an id may be passed: it is in scope, or it is the zero id where that is allowed: wasm.abi.scope.
func (c *call) known(id grit.ID, none, lifted bool) bool {
	if id == grit.None {
		return none
	}
	return c.scope[id] || lifted && c.plan.manifest.raw
}

// isKind reports whether an id leads to an object of one of some kinds; with the grant raw, every id does.
func (c *call) isKind(id grit.ID, lifted bool, kinds ...grit.Kind) (bool, error) {
	if id == grit.None || lifted && c.plan.manifest.raw {
		return true, nil
	}
	object, err := c.object(id)
	return err == nil && slices.Contains(kinds, object.Kind), err
}

// weigh returns the weight of an object: wasm.fuel.host-call.
func weigh(o *grit.Object) (weight uint64) {
	for _, header := range o.Headers {
		weight += uint64(len(header.Key) + len(header.Value) + 8)
	}
	switch o.Kind {
	case grit.Blob:
		return weight + 64 + uint64(len(o.Data))
	case grit.Message:
		return weight + 128
	case grit.Step:
		return 192
	case grit.Mailbox:
		return 72 * uint64(len(o.Entries))
	}
	for _, entry := range o.Entries {
		weight += 40 + uint64(len(entry.Key))
	}
	return weight
}

// headerList reads a list of headers, each key once; ok is false for an invalid list.
func (c *call) headerList(data []byte) (headers []grit.Header, ok bool) {
	seen := map[string]bool{}
	for len(data) > 0 {
		key, rest, first := bytes.Cut(data, []byte{0})
		value, rest, second := bytes.Cut(rest, []byte{0})
		if !first || !second || !grit.ValidKey(string(key)) || seen[string(key)] ||
			!c.overlay.Store.Format.ValidValue(string(value)) {
			return nil, false
		}
		seen[string(key)] = true
		headers = append(headers, grit.Header{Key: string(key), Value: string(value)})
		data = rest
	}
	return headers, true
}

// path reads a path: 1 to 1,024 names, 1 to 4,096 bytes.
func (c *call) path(data []byte) (names []string, ok bool) {
	if len(data) < 1 || len(data) > 4096 {
		return nil, false
	}
	names = strings.Split(string(data), "/")
	if len(names) > 1024 {
		return nil, false
	}
	for _, name := range names {
		if !c.overlay.Store.Format.ValidName(name) {
			return nil, false
		}
	}
	return names, true
}

// entries returns the entries of a tree or mailbox in ascending order of the bytes of their keys.
func (c *call) entries(id grit.ID, o *grit.Object) []grit.Entry {
	if c.sorted[id] == nil {
		entries := slices.Clone(o.Entries)
		slices.SortFunc(entries, func(a, b grit.Entry) int { return strings.Compare(a.Key, b.Key) })
		c.sorted[id] = entries
	}
	return c.sorted[id]
}

// lookup finds a key among entries in ascending order.
func lookup(entries []grit.Entry, key string) grit.ID {
	compare := func(e grit.Entry, key string) int { return strings.Compare(e.Key, key) }
	i, found := slices.BinarySearchFunc(entries, key, compare)
	if !found {
		return grit.None
	}
	return entries[i].ID
}

// make adds a made object and returns its id. An object that exceeds the limit of the store is a failure of the call.
func (h *hostCall) make(o *grit.Object) (int64, error) {
	id, err := h.overlay.Make(o)
	var refusal *grit.Refusal
	if errors.As(err, &refusal) && refusal.Class == "exhausted" {
		return 0, &outcome{"exhausted", ""}
	}
	if err != nil {
		return 0, err
	}
	h.give(0, id)
	return 0, nil
}
