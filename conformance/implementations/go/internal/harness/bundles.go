package harness

import (
	"bytes"
	"fmt"

	"gritstone.example/implementation/internal/grit"
)

const pieceBytes = 1 << 20

// gritExport returns a bundle in pieces; it is written completely when the export begins: grit.ref.snapshot.
func gritExport(a *Adapter, args *arguments) (answer, error) {
	name, all := args.handle(), !args.has("names")
	var names []string
	if !all {
		for _, raw := range args.list("names", anyLength) {
			text, ok := textOf(raw)
			if !ok {
				args.fail("names holds what is no text")
			}
			names = append(names, text)
		}
	}
	if args.has("to") == args.has("cursor") {
		args.fail("neither or both of to and cursor")
	}
	var cursor string
	toFile := args.has("to")
	if toFile {
		if args.text("to") == "" {
			args.fail("an empty path")
		}
	} else if raw := args.take("cursor"); string(raw) != "null" {
		text, ok := textOf(raw)
		if !ok || text == "" {
			args.fail("cursor is no text")
		}
		cursor = text
	}
	if err := args.done(); err != nil {
		return nil, err
	}
	if toFile {
		return nil, &unsupported{"files"}
	}
	h, err := a.opened(name, args)
	if err != nil {
		return nil, err
	}
	if cursor == "" {
		bundle, err := h.store.Export(names, all)
		if err != nil {
			return nil, err
		}
		h.exports++
		h.outgoing = bundle
	} else if cursor != h.cursor {
		return nil, grit.Refuse("rejected", "", "no such cursor")
	}
	size := min(len(h.outgoing), pieceBytes)
	piece := encoding.EncodeToString(h.outgoing[:size])
	h.outgoing, h.cursor = h.outgoing[size:], ""
	if len(h.outgoing) == 0 {
		h.outgoing = nil
		return answer{"bytes": piece, "cursor": nil}, nil
	}
	h.cursor = fmt.Sprintf("%d.%d", h.exports, len(h.outgoing))
	return answer{"bytes": piece, "cursor": h.cursor}, nil
}

// gritImport imports a bundle when it has received the last piece.
func gritImport(a *Adapter, args *arguments) (answer, error) {
	name := args.handle()
	if args.has("from") {
		if args.text("from") == "" {
			args.fail("an empty path")
		}
		if err := args.done(); err != nil {
			return nil, err
		}
		return nil, &unsupported{"files"}
	}
	piece, more := args.bytes("bytes"), args.boolean("more")
	h, err := a.opened(name, args)
	if err != nil {
		return nil, err
	}
	h.incoming = append(h.incoming, piece...)
	if more {
		return answer{"objects": 0, "refs": 0}, nil
	}
	data := h.incoming
	h.incoming = nil
	bundle, err := grit.ReadBundle(data, h.store.Format)
	if err != nil {
		return nil, err
	}
	if err := h.store.Import(bundle); err != nil {
		return nil, err
	}
	return answer{"objects": bundle.Objects, "refs": len(bundle.Refs)}, nil
}

// gritTranscode returns the bundle of the same graph in the other format.
func gritTranscode(a *Adapter, args *arguments) (answer, error) {
	from, to, data := args.format("from"), args.format("to"), bytes.Clone(args.bytes("bundle"))
	source, err := claimed(from, args)
	if err != nil {
		return nil, err
	}
	target, err := claimed(to, args)
	if err != nil {
		return nil, err
	}
	out, err := grit.Transcode(data, source, target)
	if err != nil {
		return nil, err
	}
	if len(out) > a.frame/4*3-1024 {
		return nil, grit.Refuse("exhausted", "", "a bundle of %d bytes", len(out))
	}
	return answer{"bundle": encoding.EncodeToString(out)}, nil
}
