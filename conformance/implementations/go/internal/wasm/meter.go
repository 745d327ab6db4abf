package wasm

import (
	"encoding/binary"
	"strconv"
)

func appendU(out []byte, value uint64) []byte { return binary.AppendUvarint(out, value) }

// appendS writes a signed LEB128 in its shortest form.
func appendS(out []byte, value int64) []byte {
	for {
		b := byte(value & 0x7f)
		value >>= 7
		if value == 0 && b&0x40 == 0 || value == -1 && b&0x40 != 0 {
			return append(out, b)
		}
		out = append(out, b|0x80)
	}
}

// meteredOrder is the order of the sections of a metered form.
var meteredOrder = []byte{1, 2, 3, 4, 5, 6, 7, 9, 12, 10, 11}

// Meter writes the metered form of an admitted module: wasm.meter.exact.
func (m *Module) Meter(pages uint32) []byte { return m.meter(pages, false) }

// meter writes the metered form, or a lean one, in which a check divides by its answer instead of branching on it.
func (m *Module) meter(pages uint32, lean bool) []byte {
	w := &rewriter{m: m, lean: lean, fuel: uint64(len(m.globals)), resultTypes: map[string]uint64{}}
	w.appendTypes()
	contents := map[byte][]byte{}
	for _, s := range m.sections {
		contents[s.id] = m.data[s.start:s.end]
	}
	if len(w.types) > 0 {
		contents[1] = extend(contents[1], len(w.types), w.types...)
	}
	if len(m.memories) > 0 {
		_, largest, _ := m.MemorySizes(pages)
		contents[5] = appendU(appendU([]byte{1, 1}, uint64(m.memories[0].min)), uint64(largest))
	}
	contents[6] = extend(contents[6], 2, []byte{0x7e, 1, 0x42, 0, 0x0b}, []byte{0x7f, 1, 0x41, 0, 0x0b})
	exports := w.exports()
	contents[7] = extend(contents[7], len(exports), exports...)
	if _, there := contents[10]; there {
		code := appendU(nil, uint64(len(m.bodies)))
		for i := range m.bodies {
			body := w.body(&m.bodies[i], m.types[m.functions[m.imported+i]])
			code = append(appendU(code, uint64(len(body))), body...)
		}
		contents[10] = code
	}
	return assemble(contents)
}

// assemble writes a module of sections in the order of a metered form.
func assemble(contents map[byte][]byte) []byte {
	out := append([]byte(nil), header...)
	for _, id := range meteredOrder {
		if content, there := contents[id]; there {
			out = append(appendU(append(out, id), uint64(len(content))), content...)
		}
	}
	return out
}

// extend returns a vector with elements appended; the old elements are copied.
func extend(content []byte, more int, elements ...[]byte) []byte {
	count, rest := uint64(0), content
	if len(content) > 0 {
		r := &reader{content, 0, len(content)}
		count = uint64(r.u32())
		rest = content[r.pos:]
	}
	out := append(appendU(nil, count+uint64(more)), rest...)
	for _, element := range elements {
		out = append(out, element...)
	}
	return out
}

// rewriter writes bodies that count by themselves.
type rewriter struct {
	m           *Module
	lean        bool
	fuel        uint64            // the index of F; that of D is one more
	types       [][]byte          // appended
	resultTypes map[string]uint64 // indices of the appended types by their results
	out         []byte            // the body so far, from wrap on
	segment     []byte            // the segment that is being written
	cost        int64
	used        map[ValueType]bool // of the locals T, U, V
	locals      map[ValueType]uint64
}

func resultBytes(results []ValueType) string {
	out := make([]byte, len(results))
	for i, t := range results {
		out[i] = byte(t)
	}
	return string(out)
}

// appendTypes makes one type for each list of two or more results, in the order in which they first occur.
func (w *rewriter) appendTypes() {
	for i := range w.m.bodies {
		results := resultBytes(w.m.types[w.m.functions[w.m.imported+i]].Results)
		if _, there := w.resultTypes[results]; len(results) < 2 || there {
			continue
		}
		w.resultTypes[results] = uint64(len(w.m.types) + len(w.types))
		w.types = append(w.types, append(appendU([]byte{0x60, 0}, uint64(len(results))), results...))
	}
}

func (w *rewriter) exports() (exports [][]byte) {
	add := func(name string, kind byte, index uint64) {
		entry := append(appendU(nil, uint64(len(name))), name...)
		exports = append(exports, appendU(append(entry, kind), index))
	}
	add("grit:fuel", 3, w.fuel)
	add("grit:depth", 3, w.fuel+1)
	if len(w.m.memories) > 0 {
		add("grit:memory", 2, 0)
	}
	indices, _ := w.m.MutableGlobals()
	for _, k := range indices {
		add(globalName(k), 3, uint64(k))
	}
	return exports
}

// body rewrites one body, without its size.
func (w *rewriter) body(b *body, t FuncType) []byte {
	w.out, w.segment, w.used = nil, nil, map[ValueType]bool{}
	w.cost = 2 + int64(b.localCount)/8
	w.numberLocals(b, t)
	w.instructions(b)

	groups := uint64(b.groupCount) + uint64(len(w.used))
	out := append(appendU(nil, groups), w.m.data[b.groups.start:b.groups.end]...)
	for _, local := range []ValueType{I32, F32, F64} {
		if w.used[local] {
			out = append(out, 1, byte(local))
		}
	}
	out = w.depth(out, 0x6a, b.frame)
	if w.lean {
		out = append(out, opI32Const, 1)
	}
	out = appendS(append(w.global(out, opGlobalGet, 1), opI32Const), FrameLimit)
	if w.lean {
		out = append(out, 0x4d, 0x6e, opDrop, opBlock)
	} else {
		out = append(out, 0x4b, opIf, 0x40, opUnreachable, opEnd, opBlock)
	}
	switch results := resultBytes(t.Results); len(results) {
	case 0:
		out = append(out, 0x40)
	case 1:
		out = append(out, results...)
	default:
		out = appendS(out, int64(w.resultTypes[results]))
	}
	out = append(out, w.out...)
	return append(w.depth(out, 0x6b, b.frame), opEnd)
}

// numberLocals finds out which of T, U, V the live instructions use, and returns them their indices.
func (w *rewriter) numberLocals(b *body, t FuncType) {
	r, alive := &reader{w.m.data, b.code, b.end}, liveness{}
	for in := (instruction{}); r.pos < r.end; {
		r.next(&in)
		if !alive.step(in.op) {
			continue
		}
		if _, sized := sizes[in.op]; sized {
			w.used[I32] = true
		}
		if in.def.nan != 0 {
			w.used[in.def.nan] = true
		}
	}
	next := uint64(len(t.Params)) + b.localCount
	w.locals = map[ValueType]uint64{}
	for _, local := range []ValueType{I32, F32, F64} {
		if w.used[local] {
			w.locals[local] = next
			next++
		}
	}
}

// global writes an access of F (0) or D (1).
func (w *rewriter) global(out []byte, op byte, which uint64) []byte {
	return appendU(append(out, op), w.fuel+which)
}

// depth adds the frame to D, or subtracts it.
func (w *rewriter) depth(out []byte, op byte, frame uint32) []byte {
	out = appendS(append(w.global(out, opGlobalGet, 1), opI32Const), int64(int32(frame)))
	return w.global(append(out, op), opGlobalSet, 1)
}

// check traps if F is below 0.
func (w *rewriter) check(out []byte) []byte {
	if w.lean {
		return append(w.global(append(out, opI32Const, 1), opGlobalGet, 0), 0x42, 0, 0x59, 0x6e, opDrop)
	}
	return append(w.global(out, opGlobalGet, 0), 0x42, 0, 0x53, opIf, 0x40, opUnreachable, opEnd)
}

// flush ends a segment: it writes the charge and the instructions.
func (w *rewriter) flush() {
	if w.cost != 0 {
		w.out = appendS(append(w.global(w.out, opGlobalGet, 0), 0x42), w.cost)
		w.out = w.check(w.global(append(w.out, 0x7d), opGlobalSet, 0))
	}
	w.out = append(w.out, w.segment...)
	w.segment, w.cost = w.segment[:0], 0
}

// sizes reports how the operand on top becomes a charge: a constant to shift by, and the shift.
var sizes = map[uint16][2]byte{
	opMemoryGrow: {13, 0x86}, opMemoryInit: {3, 0x88}, opMemoryCopy: {3, 0x88}, opMemoryFill: {3, 0x88},
}

// instructions rewrites the live instructions of a body, from behind block bt to the end that closes it.
func (w *rewriter) instructions(b *body) {
	r, alive := &reader{w.m.data, b.code, b.end}, liveness{}
	open := uint64(0) // constructs of M around an instruction
	for in := (instruction{}); r.pos < r.end; {
		r.next(&in)
		live := alive.step(in.op)
		switch in.op {
		case opBlock, opLoop, opIf:
			open++
		case opEnd:
			open--
		}
		if !live {
			continue
		}
		w.instruction(&in, open)
		switch in.op {
		case opLoop, opIf, opElse, opEnd, opBrIf, opBr, opBrTable, opReturn, opUnreachable:
			w.flush()
		}
	}
}

func (w *rewriter) instruction(in *instruction, open uint64) {
	s := w.segment
	if size, sized := sizes[in.op]; sized {
		t := w.locals[I32]
		s = w.global(appendU(append(s, opLocalTee), t), opGlobalGet, 0)
		s = append(appendU(append(s, opLocalGet), t), 0xad, 0x42, size[0], size[1], 0x7d)
		s = w.check(w.global(s, opGlobalSet, 0))
	}
	if in.op == opReturn {
		s = appendU(append(s, opBr), open)
	} else {
		s = append(s, w.m.data[in.start:in.end]...)
	}
	if in.def.nan != 0 {
		x := w.locals[in.def.nan]
		s = appendU(append(s, opLocalTee), x)
		if in.def.nan == F32 {
			s = append(s, 0x43, 0, 0, 0xc0, 0x7f)
		} else {
			s = append(s, 0x44, 0, 0, 0, 0, 0, 0, 0xf8, 0x7f)
		}
		s = appendU(append(s, opLocalGet), x)
		s = appendU(append(s, opLocalGet), x)
		equal := byte(0x5b)
		if in.def.nan == F64 {
			equal = 0x61
		}
		s = append(s, equal, opSelect)
	}
	w.segment = s
	w.cost += int64(in.def.cost)
}

// globalName is the name under which a mutable global of the module is exported.
func globalName(index int) string { return "grit:g" + strconv.Itoa(index) }
