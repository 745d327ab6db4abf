package flowrun

import (
	"slices"

	"gritstone.example/implementation/internal/flow"
	"gritstone.example/implementation/internal/grit"
)

// ofSuccessor are the entries that only the first core of a successor has, the required ones first.
var ofSuccessor = []string{"from", "carry", "starter", "prior", "facts", "erased"}

// coreForm reports whether a first core has the form of the chapter on the core: flow.core.closed.
func (v *view) coreForm(core map[string]grit.ID) bool {
	known := 0
	for name, optional := range map[string]bool{
		"wit": false, "wit_query": true, "name": true, "program": false, "input": false, "policy": false, "refs": true,
	} {
		id, there := core[name]
		if !there && !optional || there && !v.entryForm(name, id, core) {
			return false
		}
		if there {
			known++
		}
	}
	for i, name := range ofSuccessor {
		id, there := core[name]
		if there && (core["from"] == grit.None || !v.entryForm(name, id, core)) {
			return false
		}
		if !there && i < 3 && core["from"] != grit.None {
			return false
		}
		if there {
			known++
		}
	}
	return known == len(core)
}

func (v *view) entryForm(name string, id grit.ID, core map[string]grit.ID) bool {
	switch name {
	case "wit", "wit_query":
		return v.isNode(id)
	case "name", "program", "input":
		return v.isBlob(id)
	case "policy":
		return v.policyForm(id)
	case "refs":
		return v.namedTree(id, func(id grit.ID) bool { return isSealed(v.load(id)) })
	case "from":
		return v.isTree(id) && v.isFlow(id)
	case "starter":
		return v.isTree(id)
	case "prior", "facts":
		return v.namedTree(id, func(id grit.ID) bool { return v.isDocument(id) && v.knowsRefs(id, core["refs"]) })
	case "carry":
		return v.isDocument(id) && (v.load(id).Erased || flow.IsCarry(v.values[id]))
	}
	return v.isDocument(id) && (v.load(id).Erased || v.erasedForm(v.values[id], core["refs"]))
}

// namedTree reports whether an object is a tree whose keys are names and whose entries are of a form.
func (v *view) namedTree(id grit.ID, of func(grit.ID) bool) bool {
	if !v.isTree(id) {
		return false
	}
	return !slices.ContainsFunc(v.load(id).Entries, func(entry grit.Entry) bool {
		return !flow.IsName(entry.Key) || !of(entry.ID)
	})
}

func (v *view) policyForm(id grit.ID) bool {
	if !v.isTree(id) {
		return false
	}
	entries := v.treeOf(id)
	peers, some := entries["peers"]
	if some && !v.namedTree(peers, v.isTree) || !some && len(entries) != 1 || some && len(entries) != 2 {
		return false
	}
	return v.isBlob(entries["doc"])
}

// erasedForm reports whether a value is a list of names in refs, in key order.
func (v *view) erasedForm(value flow.Value, refs grit.ID) bool {
	if !flow.IsErased(value) {
		return false
	}
	known := v.treeOf(refs)
	return !slices.ContainsFunc(value.(flow.List), func(name flow.Value) bool {
		return known[name.(string)] == grit.None
	})
}

// knowsRefs reports whether the refs in a document are in refs; an erased one counts as one of this form.
func (v *view) knowsRefs(id, refs grit.ID) bool {
	occurring, known := map[string]bool{}, v.treeOf(refs)
	flow.Refs(v.values[id], occurring)
	for name := range occurring {
		if known[name] == grit.None {
			return false
		}
	}
	return true
}

// checkFirst checks a first core: flow.check.same.
func (v *view) checkFirst(core map[string]grit.ID) *flow.Checked {
	if !v.coreForm(core) {
		return &flow.Checked{Defects: []flow.Defect{{At: "", Code: "core"}}}
	}
	for _, name := range []string{"carry", "erased"} {
		if id := core[name]; id != grit.None {
			v.data(id)
		}
	}
	policy := v.treeOf(core["policy"])
	program, doc, input := v.data(core["program"]), v.data(policy["doc"]), v.data(core["input"])
	return flow.Check(program, doc, input, keys(v.treeOf(policy["peers"])), keys(v.treeOf(core["refs"])))
}

func keys(entries map[string]grit.ID) map[string]bool {
	names := map[string]bool{}
	for name := range entries {
		names[name] = true
	}
	return names
}
