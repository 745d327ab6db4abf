package harness

import (
	"errors"
	"time"

	"gritstone.example/implementation/internal/grit"
	"gritstone.example/implementation/internal/guest"
	"gritstone.example/implementation/internal/wasm"
	"gritstone.example/implementation/internal/wit"
)

// request reads the arguments of wit.step and wit.admit.
func (a *arguments) request(attempt bool) *wit.Request {
	r := &wit.Request{Actor: a.id("actor"), Inbox: a.mail("inbox"), Attempt: 1}
	var none bool
	r.Head, none = a.idOrNone("head")
	r.HasHead = !none
	if attempt {
		r.Attempt = uint32(a.number("attempt", 1, 1<<32-1))
	}
	if attempt && a.has("transition_ms") {
		r.Limit = time.Duration(min(a.number("transition_ms", 0, maxUint), 1<<40)) * time.Millisecond
	}
	return r
}

// guests returns the runner of guests, made when it is first needed.
func (a *Adapter) guests() (*guest.Runner, error) {
	if a.runner == nil {
		runner, err := guest.NewRunner()
		if err != nil {
			return nil, err
		}
		a.runner = runner
	}
	return a.runner, nil
}

func witStep(a *Adapter, args *arguments) (answer, error) {
	name, request := args.handle(), args.request(true)
	h, err := a.opened(name, args)
	if err != nil {
		return nil, err
	}
	runner, err := a.guests()
	if err != nil {
		return nil, err
	}
	step, err := wit.Step(h.store, runner, request)
	if err != nil {
		return nil, err
	}
	return answer{"step": step.String()}, nil
}

func witAdmit(a *Adapter, args *arguments) (answer, error) {
	name, request, step := args.handle(), args.request(false), args.id("step")
	h, err := a.opened(name, args)
	if err != nil {
		return nil, err
	}
	return answer{}, wit.Admitted(h.store, nil, request, step)
}

func witUnread(a *Adapter, args *arguments) (answer, error) {
	name, tip := args.handle(), args.id("tip")
	cursor, none := args.idOrNone("cursor")
	h, err := a.opened(name, args)
	if err != nil {
		return nil, err
	}
	texts := []string{}
	if tip == cursor && !none {
		return answer{"ids": texts, "fresh": false}, nil
	}
	ids, fresh, err := wit.Unread(h.store, tip, cursor, 4096)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		texts = append(texts, id.String())
	}
	return answer{"ids": texts, "fresh": fresh}, nil
}

func witMerge(a *Adapter, args *arguments) (answer, error) {
	name, core, update := args.handle(), args.id("core"), args.id("update")
	h, err := a.opened(name, args)
	if err != nil {
		return nil, err
	}
	overlay := grit.NewOverlay(h.store)
	merged, err := wit.Merge(overlay, core, update)
	if err != nil {
		return nil, err
	}
	overlay.Commit(merged)
	return answer{"core": merged.String()}, nil
}

func witQuery(a *Adapter, args *arguments) (answer, error) {
	name, step, query, data := args.handle(), args.id("step"), args.text("name"), args.bytes("args")
	h, err := a.opened(name, args)
	if err != nil {
		return nil, err
	}
	runner, err := a.guests()
	if err != nil {
		return nil, err
	}
	result, err := wit.Ask(h.store, runner, step, query, data)
	if err != nil {
		return nil, err
	}
	if result == grit.None {
		return answer{"result": nil}, nil
	}
	return answer{"result": result.String()}, nil
}

func witOpenapi(_ *Adapter, args *arguments) (answer, error) {
	actor, data := args.id("actor"), args.bytes("wut")
	if err := args.done(); err != nil {
		return nil, err
	}
	document, err := wit.OpenAPI(actor, data)
	if err != nil {
		return nil, err
	}
	return answer{"document": encoding.EncodeToString(document)}, nil
}

// admitted reads the arguments of wasm.admit and wasm.meter and admits the module: wasm.host.limits.
func (a *arguments) admitted() (*wasm.Module, uint32, error) {
	data, entry, pages := a.bytes("module"), a.text("entry"), uint32(a.number("pages", 0, 65536))
	if entry != "wit" && entry != "wit_query" && entry != "wit_update" {
		a.fail("no entry %q", entry)
	}
	if err := a.done(); err != nil {
		return nil, 0, err
	}
	if pages > guest.WasmPages {
		return nil, 0, wit.Fail("exhausted", "host", "%d pages", pages)
	}
	m, err := wasm.Admit(data, entry, pages)
	var defect *wasm.Defect
	if errors.As(err, &defect) {
		err = wit.Fail("unresolved", defect.Code, "%s", defect.Reason)
	}
	return m, pages, err
}

func wasmAdmit(_ *Adapter, args *arguments) (answer, error) {
	_, _, err := args.admitted()
	return answer{}, err
}

func wasmMeter(_ *Adapter, args *arguments) (answer, error) {
	m, pages, err := args.admitted()
	if err != nil {
		return nil, err
	}
	return answer{"module": encoding.EncodeToString(m.Meter(pages))}, nil
}
