package wasm

import (
	"bytes"
	"slices"
	"strings"
)

// hostFunction is one function of the module grit, wasm.abi.function.
var hostFunctions = map[string]FuncType{}

func init() {
	for name, signature := range map[string]string{
		"input": "ii:i", "covered": "iii:i", "kind": "i:i", "size": "i:i", "read": "iiii:i", "headers": "iii:i",
		"link": "iii:i", "entry": "iiiii:i", "find": "iiii:i", "place": "iiiii:i", "mail": "iiii:i",
		"blob": "iiiii:i", "message": "iiiii:i", "step": "iiiiii:i", "result": "i:i", "query_name": "ii:i",
		"query": "iiiii:i", "random": "ii:i", "clock": ":l", "attempt": ":i", "fuel": ":l", "log": "ii:i",
		"fail": "iii:", "wait": ":i",
	} {
		params, results, _ := strings.Cut(signature, ":")
		hostFunctions[name] = FuncType{typesOf(params), typesOf(results)}
	}
}

const (
	moduleBytes = 8_388_608
	// FrameLimit is how many stack units all active functions may have together, wasm.stack.depth.
	FrameLimit = 65_536
)

// Admit decodes a module and admits it for an entry and a manifest's pages. The first check that fails gives the code
// of the *Defect: wasm.module.first.
func Admit(data []byte, entry string, pages uint32) (*Module, error) {
	if len(data) > moduleBytes {
		return nil, defect("limit", "%d bytes", len(data))
	}
	m, err := decode(data)
	if err != nil {
		return nil, err
	}
	for _, check := range []func() error{
		func() error { return m.checkLimits(pages) }, m.validate, m.checkImports,
		func() error { return m.checkExports(entry) },
	} {
		if err := check(); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// checkLimits checks a module against the limits of modules: wasm.module.limit.
func (m *Module) checkLimits(pages uint32) error {
	over := func(what string, n, limit int) error {
		if n > limit {
			return defect("limit", "%s: %d of %d", what, n, limit)
		}
		return nil
	}
	params, results, names, locals, size := 0, 0, 0, 0, 0
	for _, t := range m.types {
		params, results = max(params, len(t.Params)), max(results, len(t.Results))
	}
	for _, e := range m.imports {
		names = max(names, len(e.module), len(e.name))
	}
	for _, e := range m.exports {
		names = max(names, len(e.name))
	}
	for i := range m.bodies {
		locals, size = max(locals, int(m.bodies[i].localCount)), max(size, m.bodies[i].end-m.bodies[i].start)
	}
	tables, memories := 0, 0
	for _, l := range m.tables {
		tables = max(tables, int(l.min))
	}
	for _, l := range m.memories {
		memories = max(memories, int(l.min))
	}
	for _, check := range []error{
		over("types", len(m.types), 4_096), over("parameters", params, 64), over("results", results, 16),
		over("functions", len(m.bodies), 65_536), over("bytes of a body", size, 262_144),
		over("locals", locals, 10_000), over("open constructs", m.nesting, 1_024),
		over("labels", m.labels, 32_768), over("imports", len(m.imports), 64),
		over("exports", len(m.exports), 4_096), over("bytes of a name", names, 1_024),
		over("globals", len(m.defined), 1_024), over("elements of the table", tables, 65_536),
		over("data segments", len(m.segments), 16_384), over("element segments", len(m.elements), 4_096),
		over("pages", memories, int(pages)),
	} {
		if check != nil {
			return check
		}
	}
	return nil
}

// checkImports accepts only functions of the ABI: wasm.module.import.
func (m *Module) checkImports() error {
	for _, e := range m.imports {
		t, known := hostFunctions[e.name]
		if e.module != "grit" || e.kind != 0 || !known || !t.Equal(m.types[e.index]) {
			return defect("import", "%q of %q", e.name, e.module)
		}
	}
	return nil
}

// exportsFunction reports whether a function that the module defines is exported under a name with a type.
func (m *Module) exportsFunction(name, signature string) (exported, fits bool) {
	params, results, _ := strings.Cut(signature, ":")
	want := FuncType{typesOf(params), typesOf(results)}
	for _, e := range m.exports {
		if e.name == name {
			fits = e.kind == 0 && int(e.index) >= m.imported && want.Equal(m.types[m.functions[e.index]])
			return true, fits
		}
	}
	return false, false
}

// checkExports checks the entry and the exports that it requires: wasm.module.entry.
func (m *Module) checkExports(entry string) error {
	if _, fits := m.exportsFunction(entry, ":i"); !fits {
		return defect("export", "no entry %s", entry)
	}
	if exported, fits := m.exportsFunction("_initialize", ":"); exported && !fits {
		return defect("export", "_initialize is something else")
	}
	for _, e := range m.exports {
		if strings.HasPrefix(e.name, "grit:") {
			return defect("export", "the name %q", e.name)
		}
	}
	if m.Waits() {
		return m.checkWait()
	}
	return nil
}

// Waits reports whether wait is imported.
func (m *Module) Waits() bool {
	return slices.ContainsFunc(m.imports, func(e importEntry) bool { return e.name == "wait" })
}

func (m *Module) checkWait() error {
	for name, signature := range map[string]string{
		"asyncify_start_unwind": "i:", "asyncify_stop_unwind": ":", "asyncify_start_rewind": "i:",
		"asyncify_stop_rewind": ":", "asyncify_get_state": ":i",
	} {
		if _, fits := m.exportsFunction(name, signature); !fits {
			return defect("export", "no %s", name)
		}
	}
	for _, e := range m.exports {
		if e.name == "grit_wait_area" && e.kind == 3 && m.globals[e.index] == (globalType{I32, false}) {
			return nil
		}
	}
	return defect("export", "no grit_wait_area")
}

// Initializes reports whether _initialize is exported.
func (m *Module) Initializes() bool {
	exported, _ := m.exportsFunction("_initialize", ":")
	return exported
}

// MutableGlobals returns the indices and types of the mutable globals, in ascending order.
func (m *Module) MutableGlobals() (indices []int, types []ValueType) {
	for i, g := range m.globals {
		if g.mutable {
			indices, types = append(indices, i), append(types, g.value)
		}
	}
	return indices, types
}

// MemorySizes returns the initial and the largest number of pages; there is false without a memory: wasm.memory.cap.
func (m *Module) MemorySizes(pages uint32) (initial, largest uint32, there bool) {
	if len(m.memories) == 0 {
		return 0, 0, false
	}
	l := m.memories[0]
	largest = pages
	if l.bounded {
		largest = min(l.max, pages)
	}
	return l.min, largest, true
}

// nullEntries reports whether the table has an element that no segment sets.
func (m *Module) nullEntries() bool {
	if len(m.tables) == 0 {
		return false
	}
	set := bytes.Repeat([]byte{0}, int(m.tables[0].min))
	for _, s := range m.elements {
		offset := m.constantValue(s.offset, I32)
		for i := range s.functions {
			set[int(offset)+i] = 1
		}
	}
	return bytes.IndexByte(set, 0) >= 0
}
