package main

// my-runtime as a sandbox: the functions that the adapter calls, to be filled in with the calls of my-runtime.
//
// The suite brings every module; nothing has to be ported. `gritstone doctor` reports what to fill in next, and
// docs/howto-sandbox.rst is the guide. Print only to os.Stderr, because standard output carries the replies.

import "errors"

const name, version = "my-runtime", "0.1"

// Claim only what you implement (harness.hello.honest). The floor is one ABI, and time or fuel (sandbox.hello.floor).
// ABIs: sandbox.abi.memory, sandbox.abi.wasi, sandbox.abi.extism (spec/sandbox/abi.rst).
// Then, one after another: sandbox.fuel, sandbox.table, sandbox.traps, sandbox.keep, sandbox.atomic, sandbox.snapshot,
// sandbox.export, sandbox.tank, sandbox.suspend, sandbox.wide, and with WASI sandbox.env, sandbox.random,
// sandbox.clock, sandbox.files.
var features = []string{"sandbox.abi.memory", "sandbox.time"}

// For sandbox.fuel: the most units that a call may use before the engine notices that they are spent, up to 65,536.
const fuelSlack = 0

// Instance is what `again` needs to call an instance once more, and Snapshot a copy of its state.
type Instance struct{}
type Snapshot struct{}

// Limits are the limits of a call. Pages always holds; ignore another one if it is nil or its feature is not claimed.
type Limits struct {
	Pages uint64  // of 64 KiB: of the memory
	Ms    *uint64 // sandbox.time: milliseconds
	Fuel  *uint64 // sandbox.fuel: in your own units
	Table *uint64 // sandbox.table: elements of all tables together
	// sandbox.suspend: if the fuel is spent, keep the call, and the outcome is "suspended".
	Suspend bool
}

// Grants are what the guest may see; a member is nil if it is not granted or its feature is not claimed.
type Grants struct {
	Args   []string          // sandbox.env
	Env    map[string]string // sandbox.env
	Random []byte            // sandbox.random: the seed, 32 bytes
	Clock  *uint64           // sandbox.clock: the time in nanoseconds
	Files  map[string][]byte // sandbox.files: relative paths and bytes
}

// Ended is how a call ended.
type Ended struct {
	// One of the texts of spec/sandbox/outcomes.rst. "done": the entry returned. "failed": a trap ("failed:trap:<t>"
	// with sandbox.traps). "timeout", "exhausted:fuel", "exhausted:stack": a limit.
	Outcome  string
	Output   []byte            // if the outcome is "done", what the module wrote; its ABI defines where this is
	Used     uint64            // with sandbox.fuel, the units that the call used
	Instance *Instance         // with sandbox.keep; nil if nothing is left. What is not kept is passed to closeInstance
	Files    map[string][]byte // with sandbox.files, if files were granted: all files after the call
}

// A function that refuses the request returns Refused with the class malformed, invalid, rejected or exhausted.
// Any other error means that the adapter failed.

// run instantiates a module, calls its entry once and reports how this ended. The entry is `run` (WASI: `_start`). A
// module that cannot run is "unresolved:module", also if the reason is an unknown import or a missing entry.
func run(module []byte, limits Limits, grants Grants) (Ended, error) {
	return Ended{Outcome: "unresolved:module"}, nil
}

// again calls the entry of a kept instance once more, with the limits of this call (sandbox.keep). If the instance has
// a suspended call, it continues this call instead (sandbox.suspend).
func again(instance *Instance, limits Limits) (Ended, error) {
	return Ended{}, errors.New("fill in `again` in sandbox.go")
}

// closeInstance and closeSnapshot free a copy; if nothing has to be freed, leave them as they are (sandbox.keep).
func closeInstance(instance *Instance) {}
func closeSnapshot(snapshot *Snapshot) {}

// snapshot returns a copy of an instance that no later call changes (sandbox.snapshot).
func snapshot(instance *Instance) (*Snapshot, error) {
	return nil, errors.New("fill in `snapshot` in sandbox.go")
}

// resume returns a new instance with the state of a snapshot, and runs nothing (sandbox.snapshot).
func resume(snapshot *Snapshot) (*Instance, error) {
	return nil, errors.New("fill in `resume` in sandbox.go")
}

// exportBytes returns a snapshot as bytes, for another process (sandbox.export). fuel is what the bytes carry out of
// the tank (sandbox.tank); nil if the request has no such number.
func exportBytes(snapshot *Snapshot, fuel *uint64) ([]byte, error) {
	return nil, errors.New("fill in `exportBytes` in sandbox.go")
}

// importBytes returns the snapshot that these bytes contain, or refuses them: they come from outside (sandbox.export).
func importBytes(data []byte) (*Snapshot, error) {
	return nil, errors.New("fill in `importBytes` in sandbox.go")
}
