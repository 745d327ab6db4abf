package wasm

// FuncType is the type of a function.
type FuncType struct{ Params, Results []ValueType }

func sameTypes(a, b []ValueType) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// Equal reports whether two function types are the same.
func (t FuncType) Equal(other FuncType) bool {
	return sameTypes(t.Params, other.Params) && sameTypes(t.Results, other.Results)
}

// limits are the sizes of a memory or table.
type limits struct {
	min, max uint32
	bounded  bool
}

// importEntry is one import; kind is 0 function, 1 table, 2 memory, 3 global.
type importEntry struct {
	module, name string
	kind         byte
	index        uint32 // of the type of a function
}

type globalType struct {
	value   ValueType
	mutable bool
}

type global struct {
	globalType
	init expression
}

// expression is a range of the module's bytes.
type expression struct{ start, end int }

type export struct {
	name  string
	kind  byte
	index uint32
}

type elementSegment struct {
	flags     uint32
	table     uint32
	offset    expression
	functions []uint32
}

type dataSegment struct {
	flags  uint32
	memory uint32
	offset expression
	size   int
	whole  expression
}

// body is the code of a function that the module defines.
type body struct {
	start, end int // the whole entry without its size field
	groups     expression
	groupCount uint32
	locals     []localGroup
	localCount uint64
	code       int // where the instructions begin
	frame      uint32
}

// localGroup is a run of declared locals of one type; end is the number of locals declared up to its end.
type localGroup struct {
	end   uint64
	value ValueType
}

type section struct {
	id         byte
	start, end int
}

// Module is a decoded module.
type Module struct {
	data      []byte
	sections  []section
	types     []FuncType
	imports   []importEntry
	functions []uint32 // types of all functions, imported ones first
	imported  int      // how many functions are imported
	tables    []limits
	memories  []limits
	globals   []globalType // all, imported ones first
	defined   []global
	exports   []export
	start     bool
	elements  []elementSegment
	dataCount *uint32
	segments  []dataSegment
	bodies    []body
	nesting   int  // the largest number of open constructs
	labels    int  // the largest number of labels of one br_table
	indirect  bool // there is a call_indirect
	copies    bool // there is a memory.init
}

var header = []byte{0, 'a', 's', 'm', 1, 0, 0, 0}

// sectionRank orders the sections other than custom ones.
var sectionRank = map[byte]int{1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 6, 7: 7, 8: 8, 9: 9, 12: 10, 10: 11, 11: 12}

// decode parses a module by the binary grammar, or reports that it is malformed.
func decode(data []byte) (m *Module, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			d, ok := fault.(*Defect)
			if !ok {
				panic(fault)
			}
			m, err = nil, d
		}
	}()
	m = &Module{data: data}
	r := &reader{data, 0, len(data)}
	if string(r.bytes(8)) != string(header) {
		r.fail("another header")
	}
	last, declared := 0, 0
	for r.pos < r.end {
		id := r.byte()
		content := r.part(r.u32())
		if id == 0 {
			content.name()
			continue
		}
		rank := sectionRank[id]
		if rank <= last {
			r.fail("section %d is unknown, repeated or out of order", id)
		}
		last = rank
		m.sections = append(m.sections, section{id, content.pos, content.end})
		m.section(id, content, &declared)
		if content.pos != content.end {
			content.fail("bytes behind section %d", id)
		}
	}
	if declared != len(m.bodies) {
		r.fail("%d functions and %d bodies", declared, len(m.bodies))
	}
	if m.dataCount != nil && int64(*m.dataCount) != int64(len(m.segments)) {
		r.fail("the data count is another")
	}
	return m, nil
}

func (m *Module) section(id byte, r *reader, declared *int) {
	if id == 8 {
		r.u32()
		m.start = true
		return
	}
	count := r.u32()
	if id == 12 {
		m.dataCount = &count
		return
	}
	for range count {
		switch id {
		case 1:
			if r.byte() != 0x60 {
				r.fail("no function type")
			}
			m.types = append(m.types, FuncType{r.valueTypes(), r.valueTypes()})
		case 2:
			m.importEntry(r)
		case 3:
			m.functions = append(m.functions, r.u32())
			*declared++
		case 4:
			if r.byte() != 0x70 {
				r.fail("no table of functions")
			}
			m.tables = append(m.tables, r.limits())
		case 5:
			m.memories = append(m.memories, r.limits())
		case 6:
			g := global{globalType: r.globalType()}
			g.init = r.constant()
			m.globals = append(m.globals, g.globalType)
			m.defined = append(m.defined, g)
		case 7:
			e := export{name: r.name(), kind: r.byte()}
			if e.kind > 3 {
				r.fail("no kind of export %d", e.kind)
			}
			e.index = r.u32()
			m.exports = append(m.exports, e)
		case 9:
			m.elementSegment(r)
		case 10:
			m.body(r)
		case 11:
			m.dataSegment(r)
		}
	}
}

func (m *Module) importEntry(r *reader) {
	e := importEntry{module: r.name(), name: r.name(), kind: r.byte()}
	switch e.kind {
	case 0:
		e.index = r.u32()
		m.functions = append(m.functions, e.index)
		m.imported++
	case 1:
		if r.byte() != 0x70 {
			r.fail("no table of functions")
		}
		m.tables = append(m.tables, r.limits())
	case 2:
		m.memories = append(m.memories, r.limits())
	case 3:
		m.globals = append(m.globals, r.globalType())
	default:
		r.fail("no kind of import %d", e.kind)
	}
	m.imports = append(m.imports, e)
}

func (r *reader) limits() (l limits) {
	switch flags := r.byte(); flags {
	case 0:
		l.min = r.u32()
	case 1:
		l.min, l.max, l.bounded = r.u32(), r.u32(), true
	default:
		r.fail("no limits begin with %02x", flags)
	}
	return l
}

func (r *reader) globalType() globalType {
	g := globalType{value: r.valueType()}
	mutable := r.byte()
	if mutable > 1 {
		r.fail("no mutability %02x", mutable)
	}
	g.mutable = mutable == 1
	return g
}

// constant reads the expression of an initialiser or offset; whether it is one constant is a question of validity.
func (r *reader) constant() expression {
	start := r.pos
	r.expression(func(*instruction) {})
	return expression{start, r.pos}
}

func (m *Module) elementSegment(r *reader) {
	s := elementSegment{flags: r.u32()}
	if s.flags > 7 {
		r.fail("no element segment has the flags %d", s.flags)
	}
	if s.flags&1 == 0 {
		if s.flags&2 != 0 {
			s.table = r.u32()
		}
		s.offset = r.constant()
	}
	if s.flags&3 != 0 {
		want := byte(0)
		if s.flags&4 != 0 {
			want = 0x70
		}
		if r.byte() != want {
			r.fail("another kind of element")
		}
	}
	for range r.u32() {
		if s.flags&4 != 0 {
			r.constant()
		} else {
			s.functions = append(s.functions, r.u32())
		}
	}
	m.elements = append(m.elements, s)
}

func (m *Module) dataSegment(r *reader) {
	start := r.pos
	s := dataSegment{flags: r.u32()}
	if s.flags > 2 {
		r.fail("no data segment has the flags %d", s.flags)
	}
	if s.flags == 2 {
		s.memory = r.u32()
	}
	if s.flags != 1 {
		s.offset = r.constant()
	}
	s.size = len(r.bytes(r.u32()))
	s.whole = expression{start, r.pos}
	m.segments = append(m.segments, s)
}

func (m *Module) body(r *reader) {
	c := r.part(r.u32())
	b := body{start: c.pos, end: c.end}
	b.groupCount = c.u32()
	b.groups.start = c.pos
	for range b.groupCount {
		count := c.u32()
		b.localCount += uint64(count)
		b.locals = append(b.locals, localGroup{b.localCount, c.valueType()})
	}
	if b.localCount > 1<<32-1 {
		c.fail("too many locals")
	}
	b.groups.end, b.code = c.pos, c.pos
	nesting := c.expression(func(in *instruction) {
		switch in.op {
		case opBrTable:
			m.labels = max(m.labels, len(in.labels))
		case opCallIndirect:
			m.indirect = true
		case opMemoryInit:
			m.copies = true
			if m.dataCount == nil {
				c.fail("memory.init without a data count")
			}
		}
	})
	if c.pos != c.end {
		c.fail("bytes behind the end of a body")
	}
	m.nesting = max(m.nesting, nesting)
	m.bodies = append(m.bodies, b)
}
