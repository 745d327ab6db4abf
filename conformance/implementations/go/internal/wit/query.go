package wit

import (
	"gritstone.example/implementation/internal/grit"
)

// Query is a question to a step.
type Query struct {
	Overlay *grit.Overlay
	Step    *grit.Object
	StepID  grit.ID
	Name    string
	Args    []byte
	Wasm    bool // the step is one of a Wasm actor
}

// Ask answers a query with an object that is stored, or with None: wit.query.answers.
func Ask(store *grit.Store, runner Runner, step grit.ID, name string, args []byte) (grit.ID, error) {
	object, err := store.Load(step)
	if err != nil {
		return grit.None, err
	}
	if object.Kind != grit.Step {
		return grit.None, grit.Refuse("rejected", "", "%s is no step", step)
	}
	q := &Query{Overlay: grit.NewOverlay(store), Step: object, StepID: step, Name: name, Args: args}
	if _, q.Wasm, err = NodePath(store, store.Format, object.Core, "wit"); err != nil {
		return grit.None, err
	}
	_, resolves, err := NodePath(store, store.Format, object.Core, "wit_query")
	if err != nil {
		return grit.None, err
	}
	ask := func() (grit.ID, error) { return runner.Query(q) }
	if !resolves && !q.Wasm {
		code, err := codeAt(store, object.Core, "wit_query")
		if err == nil && code == nil {
			err = Fail("unresolved", "", "wit_query names no code that is there")
		}
		if err != nil {
			return grit.None, err
		}
		ask = func() (grit.ID, error) { return code.Query(q) }
	}
	answer, err := ask()
	if err != nil || answer == grit.None {
		return grit.None, err
	}
	object, err = q.Overlay.Load(answer)
	if err != nil {
		return grit.None, err
	}
	if object.Kind != grit.Blob && object.Kind != grit.Tree {
		return grit.None, Fail("failed", "", "the answer is neither a blob nor a tree")
	}
	q.Overlay.Commit(answer)
	return answer, nil
}
