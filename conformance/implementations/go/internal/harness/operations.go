package harness

import (
	"gritstone.example/implementation/internal/grit"
)

type operation func(*Adapter, *arguments) (answer, error)

var profiles = []string{"grit", "wit"}

// operations is the table of claimed operations; all others are unknown: harness.reply.total.
var operations map[string]operation

func init() {
	operations = map[string]operation{
		"hello": hello, "ping": ping, "bye": ping,
		"grit.id": gritID, "grit.encode": gritEncode, "grit.decode": gritDecode,
		"grit.open": gritOpen, "grit.close": gritClose, "grit.put": gritPut, "grit.get": gritGet,
		"grit.has": gritHas, "grit.refs": gritRefs, "grit.cas": gritCas,
		"grit.export": gritExport, "grit.import": gritImport, "grit.transcode": gritTranscode,
		"grit.erase": gritErase, "grit.prune": gritPrune,
		"wit.step": witStep, "wit.admit": witAdmit, "wit.unread": witUnread, "wit.merge": witMerge,
		"flow.check": flowCheck, "flow.eval": flowEval, "flow.render": flowRender,
		"flow.replay": flowReplay, "flow.metrics": flowMetrics,
		"wit.query": witQuery, "wit.openapi": witOpenapi, "wasm.admit": wasmAdmit, "wasm.meter": wasmMeter,
	}
}

// opened returns the handle, after the arguments were validated.
func (a *Adapter) opened(name string, args *arguments) (*handle, error) {
	if err := args.done(); err != nil {
		return nil, err
	}
	handle := a.handles[name]
	if handle == nil {
		return nil, grit.Refuse("missing", "", "no handle %s is open", name)
	}
	return handle, nil
}

// claimed returns the format, after the arguments were validated.
func claimed(name string, args *arguments) (*grit.Format, error) {
	if err := args.done(); err != nil {
		return nil, err
	}
	format := grit.FormatNamed(name)
	if format == nil {
		return nil, &unsupported{name}
	}
	return format, nil
}

func gritID(_ *Adapter, args *arguments) (answer, error) {
	name, data := args.format("format"), args.bytes("bytes")
	format, err := claimed(name, args)
	if err != nil {
		return nil, err
	}
	if len(data) > grit.ObjectBytes {
		return nil, grit.Refuse("exhausted", "", "%d bytes", len(data))
	}
	return answer{"id": format.Hash(data).String()}, nil
}

func gritEncode(_ *Adapter, args *arguments) (answer, error) {
	name := args.format("format")
	object, encodable := args.object("object")
	format, err := claimed(name, args)
	if err != nil {
		return nil, err
	}
	if encodable != nil {
		return nil, encodable
	}
	data, id, err := format.Encode(object)
	if err != nil {
		return nil, err
	}
	return answer{"bytes": encoding.EncodeToString(data), "id": id.String()}, nil
}

func gritDecode(_ *Adapter, args *arguments) (answer, error) {
	name, data := args.format("format"), args.bytes("bytes")
	format, err := claimed(name, args)
	if err != nil {
		return nil, err
	}
	object, err := format.Decode(data)
	if err != nil {
		return nil, err
	}
	return answer{"object": objectJSON(object), "id": format.Hash(data).String()}, nil
}

func gritOpen(a *Adapter, args *arguments) (answer, error) {
	name, formatName, backend := args.handle(), args.format("format"), args.text("backend")
	create := args.boolean("create")
	if backend != "memory" && backend != "durable" {
		args.fail("no backend %q", backend)
	}
	if backend == "durable" && args.text("dir") == "" {
		args.fail("an empty path")
	}
	format, err := claimed(formatName, args)
	if err != nil {
		return nil, err
	}
	if backend == "durable" {
		return nil, &unsupported{"durable"}
	}
	if a.handles[name] != nil {
		return nil, grit.Refuse("rejected", "", "the handle %s is open", name)
	}
	if !create {
		return nil, grit.Refuse("missing", "", "a store in memory ends with its handle")
	}
	a.handles[name] = &handle{store: grit.NewStore(format)}
	return answer{}, nil
}

func gritClose(a *Adapter, args *arguments) (answer, error) {
	name := args.handle()
	if _, err := a.opened(name, args); err != nil {
		return nil, err
	}
	delete(a.handles, name)
	return answer{}, nil
}

func gritPut(a *Adapter, args *arguments) (answer, error) {
	name, data := args.handle(), args.bytes("bytes")
	var expected *grit.ID
	if args.has("id") {
		id := args.id("id")
		expected = &id
	}
	h, err := a.opened(name, args)
	if err != nil {
		return nil, err
	}
	id, err := h.store.Put(data, expected)
	if err != nil {
		return nil, err
	}
	return answer{"id": id.String()}, nil
}

func gritGet(a *Adapter, args *arguments) (answer, error) {
	name, id := args.handle(), args.id("id")
	h, err := a.opened(name, args)
	if err != nil {
		return nil, err
	}
	data, err := h.store.Get(id)
	if err != nil {
		return nil, err
	}
	return answer{"bytes": encoding.EncodeToString(data)}, nil
}

func gritHas(a *Adapter, args *arguments) (answer, error) {
	name, ids := args.handle(), args.ids("ids", 4096)
	h, err := a.opened(name, args)
	if err != nil {
		return nil, err
	}
	has := []bool{}
	for _, id := range ids {
		has = append(has, h.store.Has(id))
	}
	return answer{"has": has}, nil
}

func gritErase(a *Adapter, args *arguments) (answer, error) {
	name, id := args.handle(), args.id("id")
	h, err := a.opened(name, args)
	if err != nil {
		return nil, err
	}
	return answer{}, h.store.Erase(id)
}

func gritPrune(a *Adapter, args *arguments) (answer, error) {
	name, pins := args.handle(), args.ids("pins", anyLength)
	h, err := a.opened(name, args)
	if err != nil {
		return nil, err
	}
	removed, err := h.store.Prune(pins)
	return answer{"removed": removed}, err
}

func gritRefs(a *Adapter, args *arguments) (answer, error) {
	name, prefix := args.handle(), args.text("prefix")
	limit := args.number("limit", 1, 4096)
	var after *string
	if raw := args.take("after"); string(raw) != "null" {
		text, ok := textOf(raw)
		if !ok {
			args.fail("after is no text")
		}
		after = &text
	}
	h, err := a.opened(name, args)
	if err != nil {
		return nil, err
	}
	found, more := h.store.Refs(prefix, after, int(limit))
	refs := [][2]string{}
	for _, ref := range found {
		refs = append(refs, [2]string{ref.Name, ref.Target.String()})
	}
	return answer{"refs": refs, "more": more}, nil
}

func gritCas(a *Adapter, args *arguments) (answer, error) {
	name := args.handle()
	var changes []grit.Change
	for _, raw := range args.list("changes", anyLength) {
		item := readArguments(raw)
		change := grit.Change{Name: item.text("name")}
		change.Old, change.NoOld = item.idOrNone("old")
		change.New, change.NoNew = item.idOrNone("new")
		if err := item.done(); err != nil {
			args.fail("%s", err)
		}
		changes = append(changes, change)
	}
	h, err := a.opened(name, args)
	if err != nil {
		return nil, err
	}
	return answer{}, h.store.Cas(changes)
}
