package harness

import (
	"encoding/json"

	"gritstone.example/implementation/internal/grit"
	"gritstone.example/implementation/internal/guest"
)

// The claims. frameBytes is the length of the longest line that is read or written.
const (
	frameBytes = 16_777_216
	window     = 64
)

var features = []string{"erase", "transcode", "external", "wasm.executor", "flow.executor", "flow.metrics"}

// hello settles the protocol; the settings of the first answer stay in force: harness.hello.any-time.
func hello(a *Adapter, args *arguments) (answer, error) {
	speaks, offered := false, args.list("protocol", anyLength)
	for _, raw := range offered {
		number := &arguments{members: map[string]json.RawMessage{"protocol": raw}}
		speaks = number.number("protocol", 1, maxUint) == 1 || speaks
		if number.first != nil {
			args.fail("%s", number.first)
		}
	}
	if len(offered) == 0 || args.text("suite") == "" {
		args.fail("no protocol, or a suite without a name")
	}
	if len(args.matching("spec", specPattern)) > longestSpec {
		args.fail("a spec of more than %d characters", longestSpec)
	}
	frame := min(args.number("frame_bytes", 4_194_304, maxUint), frameBytes)
	requests := min(args.number("window", 1, maxUint), window)
	if err := args.done(); err != nil {
		return nil, err
	}
	if !speaks {
		return nil, grit.Refuse("rejected", "", "protocol 1 is the only one")
	}
	if a.hello == nil {
		a.frame = int(frame)
		a.hello = answer{
			"protocol":       1,
			"implementation": answer{"name": "gritstone-go", "version": "0.1.0", "language": "go"},
			"spec":           []string{"0.6"},
			"formats":        []string{grit.Framed.Name, grit.Cbor.Name},
			"profiles":       profiles,
			"features":       features,
			"limits": answer{
				"object_bytes": min(grit.ObjectBytes, frame/4*3-1024), "tree_depth": grit.TreeDepth,
				"cas_names": grit.CasNames, "refs": grit.RefsLimit, "window": requests, "frame_bytes": frame,
				"wasm_pages": guest.WasmPages,
			},
		}
	}
	return a.hello, nil
}

func ping(_ *Adapter, args *arguments) (answer, error) { return answer{}, args.done() }
