package wasm

const (
	mostCost   = 150_000 // a few seconds of wazero's compiler
	manyLocals = 64
	manyBlocks = 16
)

// costly reports whether wazero's compiler would take long for a module: it takes time with the blocks of a body times the
// values that live through them, and metering makes a block of each segment.
func (m *Module) costly() bool {
	cost := uint64(0)
	for i := range m.bodies {
		blocks, values := m.blocks(&m.bodies[i]), m.bodies[i].localCount+8
		cost += blocks*values + blocks*blocks/manyBlocks + values*values/manyLocals
	}
	return cost > mostCost
}

// blocks counts the constructs and segments of a body.
func (m *Module) blocks(b *body) (blocks uint64) {
	r := &reader{m.data, b.code, b.end}
	for in := (instruction{}); r.pos < r.end; {
		r.next(&in)
		switch in.op {
		case opBlock, opLoop, opIf, opElse, opEnd, opBr, opBrIf, opBrTable, opReturn, opUnreachable, opMemoryGrow:
			blocks++
		}
	}
	return blocks
}
