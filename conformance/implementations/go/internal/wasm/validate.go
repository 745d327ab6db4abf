package wasm

// invalid ends the validation of a module.
func invalid(format string, values ...any) { panic(defect("module", format, values...)) }

// validate reports whether a well-formed module is valid and keeps no state that an image would lack: wasm.module.state.
func (m *Module) validate() (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			d, ok := fault.(*Defect)
			if !ok {
				panic(fault)
			}
			err = d
		}
	}()
	if m.start {
		invalid("a start section")
	}
	if len(m.memories) > 1 || len(m.tables) > 1 {
		invalid("more than one memory or table")
	}
	for _, t := range m.functions {
		m.typeAt(t)
	}
	for _, l := range m.memories {
		if l.min > 65536 || l.bounded && (l.max > 65536 || l.max < l.min) {
			invalid("a memory of impossible size")
		}
	}
	for _, l := range m.tables {
		if l.bounded && l.max < l.min {
			invalid("a table of impossible size")
		}
	}
	for _, g := range m.defined {
		m.constantValue(g.init, g.value)
		if g.mutable && g.value != I32 && g.value != I64 {
			invalid("a mutable global of a float type")
		}
	}
	m.validateExports()
	m.validateSegments()
	v := &validator{m: m}
	for i := range m.bodies {
		v.body(&m.bodies[i], m.types[m.functions[m.imported+i]])
	}
	return nil
}

func (m *Module) typeAt(index uint32) FuncType {
	if int64(index) >= int64(len(m.types)) {
		invalid("no type %d", index)
	}
	return m.types[index]
}

// control is an open construct; dead means that the next instructions cannot be reached, as validation defines it.
type control struct {
	op         uint16
	start, end []ValueType
	height     int
	dead       bool
}

// validator checks bodies by the algorithm of the WebAssembly specification and measures their frames.
type validator struct {
	m        *Module
	params   []ValueType
	current  *body
	values   []ValueType // 0: of any type
	controls []control
}

func (v *validator) push(types ...ValueType) { v.values = append(v.values, types...) }

func (v *validator) pop() ValueType {
	top := &v.controls[len(v.controls)-1]
	if len(v.values) == top.height {
		if !top.dead {
			invalid("an operand is missing")
		}
		return 0
	}
	value := v.values[len(v.values)-1]
	v.values = v.values[:len(v.values)-1]
	return value
}

func (v *validator) expect(types ...ValueType) {
	for i := len(types) - 1; i >= 0; i-- {
		if got := v.pop(); got != types[i] && got != 0 {
			invalid("an operand of another type")
		}
	}
}

func (v *validator) open(op uint16, start, end []ValueType) {
	v.controls = append(v.controls, control{op, start, end, len(v.values), false})
	v.push(start...)
}

func (v *validator) close() control {
	top := v.controls[len(v.controls)-1]
	v.expect(top.end...)
	if len(v.values) != top.height {
		invalid("operands are left")
	}
	v.controls = v.controls[:len(v.controls)-1]
	return top
}

func (v *validator) unreachable() {
	top := &v.controls[len(v.controls)-1]
	v.values = v.values[:top.height]
	top.dead = true
}

// label returns the types of the operands that a branch transfers.
func (v *validator) label(index uint32) []ValueType {
	if int64(index) >= int64(len(v.controls)) {
		invalid("no label %d", index)
	}
	c := &v.controls[len(v.controls)-1-int(index)]
	if c.op == opLoop {
		return c.start
	}
	return c.end
}

func (v *validator) local(index uint32) ValueType {
	if int64(index) < int64(len(v.params)) {
		return v.params[index]
	}
	n := uint64(index) - uint64(len(v.params))
	groups := v.current.locals
	low, high := 0, len(groups)
	for low < high {
		if middle := (low + high) / 2; groups[middle].end > n {
			high = middle
		} else {
			low = middle + 1
		}
	}
	if low == len(groups) {
		invalid("no local %d", index)
	}
	return groups[low].value
}

func (v *validator) blockTypes(b blockType) (params, results []ValueType) {
	if !b.inline {
		t := v.m.typeAt(b.index)
		return t.Params, t.Results
	}
	if b.result != 0 {
		results = []ValueType{b.result}
	}
	return nil, results
}

// body validates one body and sets its frame: 8 + parameters + locals + the most operands after a live instruction.
func (v *validator) body(b *body, t FuncType) {
	v.params, v.current, v.values, v.controls = t.Params, b, v.values[:0], v.controls[:0]
	v.open(opBlock, nil, t.Results)
	r := &reader{v.m.data, b.code, b.end}
	var in instruction
	most := 0
	alive := liveness{}
	for len(v.controls) > 0 {
		r.next(&in)
		v.instruction(&in, t.Results)
		if alive.step(in.op) && !endsRun(in.op) {
			most = max(most, len(v.values))
		}
	}
	b.frame = uint32(8 + len(t.Params) + int(b.localCount) + most)
}

func (v *validator) instruction(in *instruction, results []ValueType) {
	m := v.m
	switch in.op {
	case opUnreachable:
		v.unreachable()
	case opBlock, opLoop, opIf:
		if in.op == opIf {
			v.expect(I32)
		}
		params, results := v.blockTypes(in.block)
		v.expect(params...)
		v.open(in.op, params, results)
	case opElse:
		c := v.close()
		v.open(opElse, c.start, c.end)
	case opEnd:
		c := v.close()
		if c.op == opIf && !sameTypes(c.start, c.end) {
			invalid("an if without else that changes the operands")
		}
		v.push(c.end...)
	case opBr:
		v.expect(v.label(in.index)...)
		v.unreachable()
	case opBrIf:
		v.expect(I32)
		types := v.label(in.index)
		v.expect(types...)
		v.push(types...)
	case opBrTable:
		v.table(in)
	case opReturn:
		v.expect(results...)
		v.unreachable()
	case opCall:
		if int64(in.index) >= int64(len(m.functions)) {
			invalid("no function %d", in.index)
		}
		v.call(m.typeAt(m.functions[in.index]))
	case opCallIndirect:
		if int64(in.second) >= int64(len(m.tables)) {
			invalid("no table %d", in.second)
		}
		v.expect(I32)
		v.call(m.typeAt(in.index))
	case opDrop:
		v.pop()
	case opSelect, opSelectTyped:
		v.choose(in)
	case opLocalGet:
		v.push(v.local(in.index))
	case opLocalSet:
		v.expect(v.local(in.index))
	case opLocalTee:
		v.expect(v.local(in.index))
		v.push(v.local(in.index))
	case opGlobalGet, opGlobalSet:
		v.global(in)
	default:
		v.plain(in)
	}
}

func (v *validator) call(t FuncType) {
	v.expect(t.Params...)
	v.push(t.Results...)
}

func (v *validator) choose(in *instruction) {
	v.expect(I32)
	if in.op == opSelectTyped {
		if len(in.types) != 1 {
			invalid("a select of %d types", len(in.types))
		}
		v.expect(in.types[0], in.types[0])
		v.push(in.types[0])
		return
	}
	first := v.pop()
	second := v.pop()
	if first != second && first != 0 && second != 0 {
		invalid("a select of two types")
	}
	v.push(max(first, second))
}

func (v *validator) table(in *instruction) {
	v.expect(I32)
	arity := len(v.label(in.index))
	for _, label := range in.labels {
		types := v.label(label)
		if len(types) != arity {
			invalid("labels of different arity")
		}
		kept := make([]ValueType, arity)
		for i := arity - 1; i >= 0; i-- {
			if kept[i] = v.pop(); kept[i] != types[i] && kept[i] != 0 {
				invalid("an operand of another type")
			}
		}
		v.push(kept...)
	}
	v.expect(v.label(in.index)...)
	v.unreachable()
}

func (v *validator) global(in *instruction) {
	if int64(in.index) >= int64(len(v.m.globals)) {
		invalid("no global %d", in.index)
	}
	g := v.m.globals[in.index]
	if in.op == opGlobalGet {
		v.push(g.value)
		return
	}
	if !g.mutable {
		invalid("a global that is not mutable is set")
	}
	v.expect(g.value)
}

// plain validates an instruction that its signature describes completely: numbers, memory, constants.
func (v *validator) plain(in *instruction) {
	touches := in.def.memory || in.op == opMemorySize || in.op == opMemoryGrow || in.op >= opMemoryInit
	if touches && len(v.m.memories) == 0 {
		invalid("no memory")
	}
	if in.def.memory && in.index > in.def.align {
		invalid("an alignment above the natural one")
	}
	if in.op == opMemoryInit && int64(in.index) >= int64(len(v.m.segments)) {
		invalid("no data segment %d", in.index)
	}
	v.expect(in.def.params...)
	v.push(in.def.results...)
}
