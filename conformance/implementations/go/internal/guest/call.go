package guest

import (
	"errors"
	"fmt"
	"time"

	"gritstone.example/implementation/internal/grit"
	"gritstone.example/implementation/internal/wasm"
	"gritstone.example/implementation/internal/wit"
)

// WasmPages is the largest pages of a manifest that this host runs, wasm.host.limits.
const WasmPages = 1_024

// Runner runs guests. It keeps admitted modules by the ids of their blobs.
type Runner struct {
	engine  *wasm.Engine
	modules map[moduleKey]*wasm.Module
}

type moduleKey struct {
	blob  grit.ID
	entry string
	pages uint32
}

const keptModules = 16

// NewRunner makes a runner with an engine of its own.
func NewRunner() (*Runner, error) {
	engine, err := wasm.NewEngine()
	return &Runner{engine, map[moduleKey]*wasm.Module{}}, err
}

// plan has the values that are read from the core before any guest code runs: wasm.call.order.
type plan struct {
	manifest *Manifest
	module   *wasm.Module
	blob     grit.ID // of the module
	state    *state
	image    image
	restored bool // the image counts
}

// prepare reads manifest, node, module, state and image, in this order. core has the manifest and the state that apply,
// code is the tree with the node at its root.
func (r *Runner) prepare(overlay *grit.Overlay, core, code grit.ID, entry string) (p *plan, err error) {
	p = &plan{}
	format := overlay.Store.Format
	manifest, ok, err := readManifest(overlay, format, core)
	switch {
	case err != nil:
		return nil, err
	case !ok:
		return nil, &outcome{"unresolved", "manifest"}
	case manifest.pages > WasmPages:
		return nil, &outcome{"exhausted", "host"}
	}
	p.manifest = manifest
	path, ok, err := wit.NodePath(overlay, format, code, entry)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, &outcome{"unresolved", "node"}
	}
	if p.blob, err = wit.Follow(overlay, code, path); err != nil {
		return nil, err
	}
	if p.blob == grit.None {
		return nil, &outcome{"unresolved", "node"}
	}
	blob, err := overlay.Load(p.blob)
	if err != nil {
		return nil, err
	}
	if blob.Kind != grit.Blob || blob.Erased {
		return nil, &outcome{"unresolved", "node"}
	}
	if p.module, err = r.admit(p.blob, blob.Data, entry, manifest.pages); err != nil {
		return nil, err
	}
	return p, p.readState(overlay, core, entry)
}

func (r *Runner) admit(id grit.ID, data []byte, entry string, pages uint32) (*wasm.Module, error) {
	k := moduleKey{id, entry, pages}
	if m := r.modules[k]; m != nil {
		return m, nil
	}
	m, err := wasm.Admit(data, entry, pages)
	var defect *wasm.Defect
	if errors.As(err, &defect) {
		return nil, &outcome{"unresolved", defect.Code}
	}
	if err == nil {
		if len(r.modules) >= keptModules {
			clear(r.modules)
		}
		r.modules[k] = m
	}
	return m, err
}

// readState finds state and image: wasm.image.strict, wasm.image.module, wasm.wait.host.
func (p *plan) readState(overlay *grit.Overlay, core grit.ID, entry string) error {
	p.state = &state{}
	if !p.manifest.keepsState() {
		return nil
	}
	s, ok, err := readState(overlay, core, p.manifest)
	if err != nil {
		return err
	}
	if !ok {
		return &outcome{"unresolved", "image"}
	}
	p.state = s
	module, err := wit.Follow(overlay, core, "wasm/module")
	if err != nil {
		return err
	}
	p.restored = p.manifest.image && entry != "wit_update" && module == p.blob
	if !p.restored {
		return nil
	}
	if p.image, ok, err = readImage(overlay, core, s, p.module, p.manifest.pages); err != nil {
		return err
	}
	if !ok {
		return &outcome{"unresolved", "image"}
	}
	if s.call && entry == "wit" {
		return &outcome{"exhausted", "host"}
	}
	return nil
}

// budget returns the units for a call, wasm.fuel.tank.
func (p *plan) budget() uint64 {
	if !p.manifest.hasTank {
		return p.manifest.fuel
	}
	if p.state.used > p.manifest.tank {
		return 0
	}
	return min(p.manifest.fuel, p.manifest.tank-p.state.used)
}

// call is all that is done with a guest for one transition or one query.
type call struct {
	plan       *plan
	overlay    *grit.Overlay
	transition *wit.Transition // nil in a query
	query      *wit.Query      // nil in a transition
	inputs     [8]grit.ID
	scope      map[grit.ID]bool
	sorted     map[grit.ID][]grit.Entry
	result     grit.ID
	spent      uint64
	memory     []byte // as the call left it
	globals    []uint64
}

// run makes an instance and runs the entry in it. It returns an error unless the entry returns 0.
func (r *Runner) run(c *call, entry string, deadline time.Time) error {
	c.scope, c.sorted = map[grit.ID]bool{}, map[grit.ID][]grit.Entry{}
	budget := c.plan.budget()
	instance, err := r.engine.Instantiate(c.plan.module, c.plan.manifest.pages, budget, deadline, c)
	if err != nil {
		return ended(err)
	}
	defer instance.Close()
	if c.plan.restored {
		if !c.plan.image.restore(instance, c.plan.state) {
			return errors.New("no memory for an image")
		}
	} else if c.plan.module.Initializes() {
		if _, err := instance.Call("_initialize"); err != nil {
			return ended(err)
		}
	}
	code, err := instance.Call(entry)
	if err != nil {
		return ended(err)
	}
	if code != 0 {
		return &outcome{"failed", fmt.Sprintf("guest:%d", code)}
	}
	c.spent = budget - instance.Fuel()
	c.memory, c.globals = instance.Memory(), instance.Globals()
	return nil
}

// ended returns the outcome of a trap, of exhausted fuel or of a timeout; it returns other errors unchanged.
func ended(err error) error {
	var trap wasm.Trap
	switch {
	case errors.As(err, &trap):
		return &outcome{"failed", "trap:" + string(trap)}
	case errors.Is(err, wasm.ErrFuel):
		return &outcome{"exhausted", "fuel"}
	case errors.Is(err, wasm.ErrTimeout):
		return &outcome{"timeout", ""}
	}
	return err
}

// Query answers a query of a step: wasm.call.query.
func (r *Runner) Query(q *wit.Query) (grit.ID, error) {
	answer, err := r.ask(q)
	var o *outcome
	switch {
	case !errors.As(err, &o):
		return answer, err
	case o.class == "unresolved":
		return grit.None, wit.Fail("unresolved", o.code, "%s", o)
	case o.class == "timeout":
		return grit.None, wit.Fail("failed", "timeout", "%s", o)
	}
	return grit.None, wit.Fail("failed", o.code, "%s", o)
}

func (r *Runner) ask(q *wit.Query) (grit.ID, error) {
	p, err := r.prepare(q.Overlay, q.Step.Core, q.Step.Core, "wit_query")
	if err != nil {
		return grit.None, err
	}
	args, err := q.Overlay.Make(&grit.Object{Kind: grit.Blob, Data: q.Args})
	if err != nil {
		return grit.None, &outcome{"exhausted", ""}
	}
	c := &call{plan: p, overlay: q.Overlay, query: q}
	c.inputs = [8]grit.ID{q.Step.Actor, q.StepID, q.Step.Core, q.Step.Inbox, q.Step.Outbox, grit.None, args, q.StepID}
	if err := r.run(c, "wit_query", time.Time{}); err != nil || c.result == grit.None {
		return grit.None, err
	}
	answer, err := q.Overlay.Load(c.result)
	if err != nil || answer.Kind != grit.Blob && answer.Kind != grit.Tree {
		return grit.None, &outcome{"failed", ""}
	}
	return c.result, nil
}
