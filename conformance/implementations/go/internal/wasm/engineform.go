package wasm

import (
	"bytes"
	"slices"
)

// engineForm is what wazero runs: the metered form with checks that do without a construct, since wazero's compiler
// takes time with the square of those, and with two things put right in which wazero differs from WebAssembly and from
// other engines. No index of the module moves, and it counts as the metered form does.
func (m *Module) engineForm(pages uint32) []byte {
	metered := m.meter(pages, true)
	nulls, active := m.indirect && m.nullEntries(), m.copies && m.activeSegments()
	if !nulls && !active {
		return metered
	}
	contents := map[byte][]byte{}
	r := &reader{metered, len(header), len(metered)}
	for r.pos < r.end {
		id := r.byte()
		contents[id] = bytes.Clone(r.bytes(r.u32()))
	}
	if nulls {
		m.fillTable(contents)
	}
	if active {
		m.dropSegments(contents)
	}
	return assemble(contents)
}

// fillTable lets each null element of the table lead to a function of a type that the module does not have. wazero has
// one trap code for a null element and for an index past the table; this way a null element is a call of another type,
// as wasm.outcome.merged requires.
func (m *Module) fillTable(contents map[byte][]byte) {
	types := &reader{contents[1], 0, len(contents[1])}
	stub := uint64(types.u32())
	contents[1] = extend(contents[1], 1, append(append([]byte{0x60, 65}, bytes.Repeat([]byte{byte(I32)}, 65)...), 0))
	contents[3] = extend(contents[3], 1, appendU(nil, stub))
	contents[10] = extend(contents[10], 1, []byte{3, 0, opUnreachable, opEnd})

	size := uint64(m.tables[0].min)
	fill := appendU([]byte{0, opI32Const, 0, opEnd}, size)
	fill = append(fill, bytes.Repeat(appendU(nil, uint64(len(m.functions))), int(size))...)
	elements, rest := uint64(0), []byte(nil)
	if content := contents[9]; len(content) > 0 {
		r := &reader{content, 0, len(content)}
		elements, rest = uint64(r.u32()), content[r.pos:]
	}
	contents[9] = append(append(appendU(nil, elements+1), fill...), rest...)
}

func (m *Module) activeSegments() bool {
	return slices.ContainsFunc(m.segments, func(s dataSegment) bool { return s.flags != 1 })
}

// dropSegments puts an empty passive segment in the place of each active one, which comes again at the end. WebAssembly
// drops an active segment when its bytes are in memory, so that memory.init finds it empty; wazero keeps it.
func (m *Module) dropSegments(contents map[byte][]byte) {
	var first, second []byte
	count := uint64(len(m.segments))
	for _, s := range m.segments {
		whole := m.data[s.whole.start:s.whole.end]
		if s.flags == 1 {
			first = append(first, whole...)
		} else {
			first, second = append(first, 1, 0), append(second, whole...)
			count++
		}
	}
	contents[11] = append(append(appendU(nil, count), first...), second...)
	contents[12] = appendU(nil, count)
}
