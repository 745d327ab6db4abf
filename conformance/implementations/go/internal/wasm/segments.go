package wasm

// constantValue checks that an initialiser or offset is one constant of a type, and returns its bits if it is i32.
func (m *Module) constantValue(e expression, want ValueType) uint32 {
	r := &reader{m.data, e.start, e.end}
	var in instruction
	r.next(&in)
	if in.op < opI32Const || in.op > opF64Const || in.def.results[0] != want {
		invalid("an initialiser that is no constant of its type")
	}
	value := uint32(in.value)
	if r.next(&in); in.op != opEnd {
		invalid("an initialiser that is more than one constant")
	}
	return value
}

func (m *Module) validateExports() {
	names := map[string]bool{}
	sizes := []int{len(m.functions), len(m.tables), len(m.memories), len(m.globals)}
	for _, e := range m.exports {
		if names[e.name] {
			invalid("the export %q twice", e.name)
		}
		names[e.name] = true
		if int64(e.index) >= int64(sizes[e.kind]) {
			invalid("the export %q of nothing", e.name)
		}
	}
}

func (m *Module) validateSegments() {
	for _, s := range m.elements {
		if s.flags != 0 && s.flags != 2 || s.table != 0 || len(m.tables) == 0 {
			invalid("an element segment that is not active for table 0")
		}
		if offset := m.constantValue(s.offset, I32); uint64(offset)+uint64(len(s.functions)) > uint64(m.tables[0].min) {
			invalid("an element segment outside the table")
		}
		for _, index := range s.functions {
			if int64(index) >= int64(len(m.functions)) {
				invalid("no function %d", index)
			}
		}
	}
	for _, s := range m.segments {
		if s.flags == 1 {
			continue
		}
		if s.memory != 0 || len(m.memories) == 0 {
			invalid("a data segment that is not for memory 0")
		}
		if offset := m.constantValue(s.offset, I32); uint64(offset)+uint64(s.size) > uint64(m.memories[0].min)<<16 {
			invalid("a data segment outside the memory")
		}
	}
}
