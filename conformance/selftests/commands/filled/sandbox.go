package main

// A sandbox without an engine: it counts calls and shows what it was granted. See test_scaffolds.py.

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

const name, version = "filled", "0.1"
const fuelSlack = 5

var features = strings.Fields("sandbox.abi.memory sandbox.abi.wasi sandbox.fuel sandbox.table sandbox.time " +
	"sandbox.traps sandbox.keep sandbox.atomic sandbox.snapshot sandbox.export sandbox.tank sandbox.suspend sandbox.env sandbox.random " +
	"sandbox.clock sandbox.files")

type Instance struct{ calls byte }
type Snapshot struct{ calls byte }
type Limits struct {
	Pages           uint64
	Ms, Fuel, Table *uint64
	Suspend         bool
}
type Grants struct {
	Args   []string
	Env    map[string]string
	Random []byte
	Clock  *uint64
	Files  map[string][]byte
}
type Ended struct {
	Outcome  string
	Output   []byte
	Used     uint64
	Instance *Instance
	Files    map[string][]byte
}

func run(module []byte, limits Limits, grants Grants) (Ended, error) {
	if !strings.HasPrefix(string(module), "\x00asm") {
		return Ended{Outcome: "unresolved:module", Instance: &Instance{}}, nil
	}
	texts := strings.Join(append(grants.Args, slices.Collect(maps.Values(grants.Env))...), "")
	if grants.Clock != nil {
		texts += fmt.Sprint(*grants.Clock)
	}
	ended, err := again(&Instance{}, limits)
	ended.Output = append(append([]byte{1}, grants.Random...), texts...)
	for path, data := range grants.Files {
		slices.Reverse(data)
		grants.Files[path] = data
	}
	ended.Files = grants.Files
	return ended, err
}

func again(instance *Instance, limits Limits) (Ended, error) {
	if limits.Suspend && limits.Fuel != nil && *limits.Fuel == 1 {
		return Ended{Outcome: "suspended", Used: 1, Instance: instance}, nil
	}
	if limits.Ms != nil && *limits.Ms == 1 {
		return Ended{Outcome: "timeout"}, nil
	}
	instance.calls++
	used := limits.Pages
	if limits.Fuel != nil {
		used = *limits.Fuel
	}
	return Ended{Outcome: "done", Output: []byte{instance.calls}, Used: used, Instance: instance}, nil
}

func closeInstance(instance *Instance) {}
func closeSnapshot(snapshot *Snapshot) {}

func snapshot(instance *Instance) (*Snapshot, error) {
	if instance.calls == 3 {
		return nil, Refused("rejected")
	}
	return &Snapshot{instance.calls}, nil
}

func resume(snapshot *Snapshot) (*Instance, error) { return &Instance{snapshot.calls}, nil }

func exportBytes(snapshot *Snapshot, fuel *uint64) ([]byte, error) {
	data := []byte{'c', snapshot.calls}
	if fuel != nil {
		data = append(data, byte(*fuel))
	}
	return data, nil
}

func importBytes(data []byte) (*Snapshot, error) {
	if data[0] != 'c' {
		return nil, Refused("malformed")
	}
	return &Snapshot{data[1]}, nil
}
