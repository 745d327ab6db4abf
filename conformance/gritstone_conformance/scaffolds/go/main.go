// The adapter that connects my-runtime to the conformance suite.
// It reads one request per line on standard input and writes one reply per line on standard output. Write only
// replies to standard output, and other text to os.Stderr.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
)

type object = map[string]any
type members = map[string]json.RawMessage

// Lists are empty and not nil, because nil is encoded as null.
var claims = object{
	"protocol":       1,
	"implementation": object{"name": "my-runtime", "version": "0.1", "language": "go"},
	"spec":           []string{"0.6"},           // the versions that my-runtime implements
	"formats":        []string{"framed-sha256"}, // "cbor-blake3" is the other format
	// First "grit", then "wit", "runtime" and "wasm". Claim only what you implement (harness.hello.honest).
	"profiles": []string{},
	"features": []string{}, // optional features; harness.hello.closed lists what each requires
}

// A profile requires limits, which the suite tests (harness.hello.limits). These are the minimums of grit:
// "object_bytes": 1_048_576, "tree_depth": 1024, "cas_names": 64, "refs": 10_000,
var limits = map[string]int{"window": 64, "frame_bytes": 16_777_216}

// refused is a refusal of the request: its class is malformed, invalid, missing, rejected or exhausted.
type refused object

func (r refused) Error() string { return fmt.Sprint(r["message"]) }

var version = regexp.MustCompile(`^(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)$`)

// hello returns the name and the claims; the smaller limit of both sides applies.
func hello(args members) (object, error) {
	var protocol []int
	var suite, spec string
	var window, frame int
	into := object{"protocol": &protocol, "suite": &suite, "spec": &spec, "window": &window, "frame_bytes": &frame}
	if err := fit(args, into); err != nil {
		return nil, err
	}
	least := slices.Min(append(protocol, window, len(protocol)))
	if len(spec) > 16 || !version.MatchString(spec) || suite == "" || least < 1 || frame < 4_194_304 {
		return nil, fmt.Errorf("a value is out of bounds")
	}
	if !slices.Contains(protocol, 1) {
		return nil, refused{"class": "rejected", "message": "only protocol 1 is supported"}
	}
	said, bounds := maps.Clone(claims), maps.Clone(limits)
	bounds["window"], bounds["frame_bytes"] = min(window, limits["window"]), min(frame, limits["frame_bytes"])
	said["limits"] = bounds
	return said, nil
}

func nothing(args members) (object, error) { return object{}, fit(args, nil) }

// fit decodes the arguments into the given variables; a missing or an additional one is an error.
func fit(args members, into object) error {
	for name, place := range into {
		if value := args[name]; string(value) == "null" || json.Unmarshal(value, place) != nil {
			return fmt.Errorf("%s is invalid", name)
		}
	}
	if args == nil || len(args) != len(into) {
		return fmt.Errorf("args are not an object, or have additional members")
	}
	return nil
}

// The operations; a name that is not here is answered `unsupported` (harness.reply.total). They are listed in
// spec/harness/operations.rst; bytes are sent as base64url without padding (harness.bytes.canonical). Start with
// grit.id, grit.decode and grit.encode, then run the doctor to see what is next.
var operations = map[string]func(members) (object, error){"hello": hello, "ping": nothing, "bye": nothing}

// answer answers one request; invalid arguments are an error (harness.reply.fault-is-error).
func answer(op string, args members) object {
	if operations[op] == nil {
		return object{"unsupported": object{"feature": op}}
	}
	ok, err := operations[op](args)
	if refusal, is := err.(refused); is {
		return object{"refused": refusal}
	} else if err != nil {
		return object{"error": object{"message": err.Error()}}
	}
	return object{"ok": ok}
}

// main answers each line, and ends after bye or when the input ends (harness.process.ends).
func main() {
	// A Scanner would stop at lines of 64 KiB; a request may be as long as frame_bytes.
	input := bufio.NewReader(os.Stdin)
	for line, err := input.ReadBytes('\n'); err == nil; line, err = input.ReadBytes('\n') {
		var request struct {
			Seq  json.RawMessage
			Op   string
			Args members
		}
		// Args that are not an object stay nil. A line that is nested too deeply is read without its args.
		if json.Unmarshal(line, &request) != nil && request.Op == "" {
			json.Unmarshal(append(bytes.Split(line, []byte(`,"args":`))[0], '}'), &request)
		}
		reply := answer(request.Op, request.Args)
		reply["seq"] = request.Seq
		written, _ := json.Marshal(reply)
		os.Stdout.Write(append(written, '\n')) // not buffered, so flushed: harness.frame.flush
		if request.Op == "bye" && reply["ok"] != nil {
			return
		}
	}
}
