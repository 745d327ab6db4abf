// The adapter that connects my-runtime to the conformance suite, as a sandbox. `sandbox.go` has what to fill in.
//
// It reads one request per line on standard input and writes one reply per line on standard output. It decodes and
// checks the arguments, keeps the handles of instances and snapshots, and calls the functions of `sandbox.go`.
package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
)

type object = map[string]any
type members = map[string]json.RawMessage

const window, frameBytes = 64, 16_777_216

// Refused is a refusal of the request, with its class.
type Refused string

func (class Refused) Error() string { return string(class) }

var (
	instances = map[string]*Instance{}
	snapshots = map[string]*Snapshot{}
	number    = 0
	handles   = regexp.MustCompile(`^[!-~]{1,128}$`)
	versions  = regexp.MustCompile(`^(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)$`)
)

// hello returns the name and the claims; the smaller limit of both sides applies.
func hello(args members) (object, error) {
	var protocol []int
	var suite, spec string
	var theirs, frame int
	into := object{"protocol": &protocol, "suite": &suite, "spec": &spec, "window": &theirs, "frame_bytes": &frame}
	if err := fit(args, into); err != nil {
		return nil, err
	}
	least := slices.Min(append(protocol, theirs, len(protocol)))
	if len(spec) > 16 || !versions.MatchString(spec) || suite == "" || least < 1 || frame < 4_194_304 {
		return nil, fmt.Errorf("a value is out of bounds")
	}
	if !slices.Contains(protocol, 1) {
		return nil, Refused("rejected")
	}
	return object{
		"protocol":       1,
		"implementation": object{"name": name, "version": version, "language": "go"},
		"spec":           []string{"0.6"},
		"formats":        []string{},
		"profiles":       []string{"sandbox"},
		"features":       features,
		"limits": object{
			"window": min(theirs, window), "frame_bytes": min(frame, frameBytes), "fuel_slack": fuelSlack,
		},
	}, nil
}

func nothing(args members) (object, error) { return object{}, fit(args, object{}) }

// runModule runs a module, and keeps its instance if this is asked for.
func runModule(args members) (object, error) {
	var module string
	var within, granted members
	var keep bool
	wanted := object{"module": &module, "limits": &within, "grants": &granted, "keep": &keep}
	suspend, err := fitSuspend(args, wanted)
	if err != nil {
		return nil, err
	}
	if wanted["suspend"] != nil && !keep {
		return nil, fmt.Errorf("suspend needs keep")
	}
	data, err := fromText(module)
	limits, bad := limitsOf(within)
	limits.Suspend = suspend
	grants, worse := grantsOf(granted)
	if err != nil || bad != nil || worse != nil || (keep && !claimed("sandbox.keep")) {
		return nil, fmt.Errorf("invalid arguments: %v, %v, %v", err, bad, worse)
	}
	ended, err := run(data, limits, grants)
	if err != nil {
		return nil, err
	}
	reply := report(ended)
	reply["instance"] = nil
	if keep && ended.Instance != nil && !strings.HasPrefix(ended.Outcome, "unresolved") {
		reply["instance"] = kept("i", instances, ended.Instance)
	} else if ended.Instance != nil {
		closeInstance(ended.Instance)
	}
	return reply, nil
}

// callAgain calls the entry of a kept instance, and drops the handle if no instance is left.
func callAgain(args members) (object, error) {
	var handle string
	var within members
	suspend, err := fitSuspend(args, object{"instance": &handle, "limits": &within})
	if err != nil {
		return nil, err
	}
	limits, err := limitsOf(within)
	if err != nil {
		return nil, err
	}
	limits.Suspend = suspend
	instance, err := known(instances, handle)
	if err != nil {
		return nil, err
	}
	ended, err := again(instance, limits)
	if err != nil {
		return nil, err
	}
	if instances[handle] = ended.Instance; ended.Instance == nil {
		delete(instances, handle)
	}
	return report(ended), nil
}

// closeHandle drops an instance or a snapshot.
func closeHandle(args members) (object, error) {
	var handle string
	if err := fit(args, object{"handle": &handle}); err != nil {
		return nil, err
	}
	if instance, err := known(instances, handle); err == nil {
		closeInstance(instance)
		delete(instances, handle)
		return object{}, nil
	}
	snapshot, err := known(snapshots, handle)
	if err == nil {
		closeSnapshot(snapshot)
		delete(snapshots, handle)
	}
	return object{}, err
}

// copied returns the operation that makes a copy of a copy: a snapshot of an instance, or an instance of a snapshot.
func copied[A, B any](from, to string, of map[string]*A, into map[string]*B, copy func(*A) (*B, error)) operation {
	return func(args members) (object, error) {
		var handle string
		if err := fit(args, object{from: &handle}); err != nil {
			return nil, err
		}
		source, err := known(of, handle)
		if err != nil {
			return nil, err
		}
		result, err := copy(source)
		if err != nil {
			return nil, err
		}
		return object{to: kept(to[:1], into, result)}, nil
	}
}

func exportSnapshot(args members) (object, error) {
	var handle string
	var fuel *uint64
	wanted := object{"snapshot": &handle}
	if _, isGiven := args["fuel"]; isGiven && claimed("sandbox.tank") {
		wanted["fuel"] = &fuel
	}
	if err := fit(args, wanted); err != nil {
		return nil, err
	}
	if wanted["fuel"] != nil && (fuel == nil || *fuel >= 1<<53) {
		return nil, fmt.Errorf("fuel is out of range")
	}
	snapshot, err := known(snapshots, handle)
	if err != nil {
		return nil, err
	}
	data, err := exportBytes(snapshot, fuel)
	return object{"bytes": toText(data)}, err
}

func importSnapshot(args members) (object, error) {
	var text string
	if err := fit(args, object{"bytes": &text}); err != nil {
		return nil, err
	}
	data, err := fromText(text)
	if err != nil {
		return nil, err
	}
	snapshot, err := importBytes(data)
	if err != nil {
		return nil, err
	}
	return object{"snapshot": kept("s", snapshots, snapshot)}, nil
}

// report returns the reply to a call; `used` is null without sandbox.fuel.
func report(ended Ended) object {
	reply := object{"outcome": ended.Outcome, "output": toText(ended.Output), "used": nil}
	if claimed("sandbox.fuel") {
		reply["used"] = ended.Used
	}
	if ended.Files != nil {
		files := object{}
		for path, data := range ended.Files {
			files[path] = toText(data)
		}
		reply["files"] = files
	}
	return reply
}

// kept returns a new handle of an instance (i1) or a snapshot (s2).
func kept[T any](kind string, copies map[string]*T, copy *T) string {
	number++
	handle := fmt.Sprint(kind, number)
	copies[handle] = copy
	return handle
}

// known returns what a handle names; a handle of the other kind is missing too.
func known[T any](copies map[string]*T, handle string) (*T, error) {
	if !handles.MatchString(handle) {
		return nil, fmt.Errorf("a handle is invalid")
	}
	if copies[handle] == nil {
		return nil, Refused("missing")
	}
	return copies[handle], nil
}

// fitSuspend is fit for arguments that may also have `suspend`, if sandbox.suspend is claimed. Without it a call whose
// fuel is spent is not kept.
func fitSuspend(args members, wanted object) (bool, error) {
	var suspend *bool
	if _, isGiven := args["suspend"]; isGiven && claimed("sandbox.suspend") {
		wanted["suspend"] = &suspend
	}
	if err := fit(args, wanted); err != nil {
		return false, err
	}
	if wanted["suspend"] != nil && suspend == nil {
		return false, fmt.Errorf("suspend is no truth value")
	}
	return suspend != nil && *suspend, nil
}

// limitsOf decodes the limits of a call.
func limitsOf(args members) (Limits, error) {
	var limits Limits
	pages := &limits.Pages
	err := fit(args, object{"pages": &pages, "ms": &limits.Ms, "fuel": &limits.Fuel, "table": &limits.Table})
	within := func(value *uint64, least, most uint64) bool {
		return value == nil || (least <= *value && *value <= most)
	}
	if err != nil || pages == nil || *pages%16 != 0 || !within(pages, 16, 1024) || !within(limits.Ms, 1, 60_000) ||
		!within(limits.Fuel, 1, 1<<53-1) || !within(limits.Table, 0, 1_000_000) {
		return limits, fmt.Errorf("a limit is missing or out of range")
	}
	return limits, nil
}

// grantsOf decodes the grants.
func grantsOf(args members) (Grants, error) {
	var grants Grants
	var random *string
	var files map[string]string
	into := object{
		"args": &grants.Args, "env": &grants.Env, "random": &random, "clock": &grants.Clock, "files": &files,
	}
	for name, value := range args {
		feature := "sandbox." + strings.Replace(name, "args", "env", 1)
		fits := into[name] != nil && string(value) != "null" && json.Unmarshal(value, into[name]) == nil
		if !fits || !claimed(feature) {
			return grants, fmt.Errorf("the grant %s is invalid or not claimed", name)
		}
	}
	var err error
	if random != nil {
		grants.Random, err = fromText(*random)
	}
	if files != nil {
		grants.Files = map[string][]byte{}
	}
	for path, text := range files {
		if grants.Files[path], err = fromText(text); err != nil {
			break
		}
	}
	return grants, err
}

func claimed(feature string) bool { return slices.Contains(features, feature) }

// Bytes travel as base64url without padding (harness.bytes.canonical).
func toText(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

func fromText(text string) ([]byte, error) {
	data, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || toText(data) != text {
		return nil, fmt.Errorf("bytes are not base64url without padding")
	}
	return data, nil
}

// fit decodes the arguments into the given variables; a missing or an additional one is an error. Only a variable that
// is a pointer may be null.
func fit(args members, into object) error {
	for name, place := range into {
		_, optional := place.(**uint64)
		value := args[name]
		if (string(value) == "null" && !optional) || json.Unmarshal(value, place) != nil {
			return fmt.Errorf("%s is invalid", name)
		}
	}
	if args == nil || len(args) != len(into) {
		return fmt.Errorf("args are not an object, or have additional members")
	}
	return nil
}

type operation = func(members) (object, error)

// The operations, each with the feature that it needs. Others are answered `unsupported` (harness.reply.total).
var operations = map[string]struct {
	feature string
	answer  operation
}{
	"hello":            {"", hello},
	"ping":             {"", nothing},
	"bye":              {"", nothing},
	"sandbox.run":      {"", runModule},
	"sandbox.again":    {"sandbox.keep", callAgain},
	"sandbox.close":    {"sandbox.keep", closeHandle},
	"sandbox.snapshot": {"sandbox.snapshot", copied("instance", "snapshot", instances, snapshots, snapshot)},
	"sandbox.resume":   {"sandbox.snapshot", copied("snapshot", "instance", snapshots, instances, resume)},
	"sandbox.export":   {"sandbox.export", exportSnapshot},
	"sandbox.import":   {"sandbox.export", importSnapshot},
}

// answer answers one request; an error or a panic in an operation must not end the process.
func answer(op string, args members) (reply object) {
	found, is := operations[op]
	if !is {
		return object{"unsupported": object{"feature": op}}
	}
	if found.feature != "" && !claimed(found.feature) {
		return object{"unsupported": object{"feature": found.feature}}
	}
	defer func() {
		if fault := recover(); fault != nil {
			reply = object{"error": object{"message": fmt.Sprint(fault)}}
		}
	}()
	ok, err := found.answer(args)
	if refusal, is := err.(Refused); is {
		return object{"refused": object{"class": refusal}}
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
			break
		}
	}
	for _, instance := range instances { // harness.process.group: nothing that my-runtime started stays behind
		closeInstance(instance)
	}
	for _, snapshot := range snapshots {
		closeSnapshot(snapshot)
	}
}
