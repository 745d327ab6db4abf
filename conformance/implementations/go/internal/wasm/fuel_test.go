package wasm

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// noHost refuses every host call.
type noHost struct{}

func (noHost) Call(name string, _ *Instance, _ []uint32) (uint64, error) {
	return 0, errors.New("no host call is expected: " + name)
}

// The figures of the chapter of worked examples, and an index past the table: outcome and F*.
var figures = []struct {
	name, module, outcome string
	units                 uint64
}{
	{"return zero", "0061736d010000000105016000017f030201000707010377697400000a0601040041000b", "declined", 3},
	{"loop", "0061736d010000000105016000017f030201000707010377697400000a18011601017f0340200041016a220041e400490d000b41000b", "declined", 703},
	{"loop and divide", "0061736d010000000105016000017f030201000707010377697400000a1b011901017f0340200041016a220041e400490d000b410141006e0b", "trap:divide-by-zero", 712},
	{"fibonacci", "0061736d01000000010a0260017f017f6000017f03030200010707010377697400010a25021c002000410249047f200005200041016b1000200041026b10006a0b0b0600411410000b000b046e616d65010401000166", "guest:6765", 306474},
	{"grow", "0061736d010000000105016000017f0302010005030100010707010377697400000a08010600410340000b", "guest:1", 24643},
	{"grow beyond", "0061736d010000000105016000017f0302010005030100010707010377697400000a0901070041800240000b", "guest:4294967295", 2097219},
	{"fill", "0061736d010000000105016000017f0302010005030100010707010377697400000a11010f004100410041808004fc0b0041000b", "declined", 8262},
	{"thousand", "0061736d010000000105016000017f0302010005030100010707010377697400000acf6501cc6500" + strings.Repeat("4100410028020041016a360200", 1000) + "41000b", "declined", 6003},
	{"nan", "0061736d010000000105016000017f0302010005030100010707010377697400000a420140004100440000000000000080440000000000000000a33903004108430100a07f430000803f92380200411041002b03009a390300410428020041082802006a0b", "guest:4290248704", 29},
	{"unreachable", "0061736d010000000105016000017f030201000707010377697400000a05010300000b", "trap:unreachable", 3},
	{"load", "0061736d010000000105016000017f0302010005030100010707010377697400000a0b01090041fdff032802000b", "trap:memory-bounds", 4},
	{"fill beyond", "0061736d010000000105016000017f0302010005030100010707010377697400000a11010f0041faff0341004107fc0b0041000b", "trap:memory-bounds", 70},
	{"divide smallest", "0061736d010000000105016000017f030201000707010377697400000a0d010b00418080808078417f6d0b", "trap:unrepresentable", 12},
	{"truncate nan", "0061736d010000000105016000017f030201000707010377697400000a0a010800430000c07fa80b", "trap:unrepresentable", 4},
	{"another type", "0061736d01000000010c0360017f006000006000017f03030201020404017000020707010377697400010907010041000b01000a100202000b0b004105410011000041000b0011046e616d65010401000167040401000161", "trap:indirect-call", 13},
	{"null element", "0061736d010000000108026000006000017f03030200010404017000020707010377697400010907010041000b01000a0e0202000b0900410111000041000b0011046e616d65010401000167040401000161", "trap:indirect-call", 12},
	{"past the table", "0061736d010000000108026000006000017f03030200010404017000020707010377697400010907010041000b01000a0e0202000b0900410211000041000b0011046e616d65010401000167040401000161", "trap:table-bounds", 12},
	{"recursion", "0061736d010000000105016000017f030201000707010377697400000a09010700410110006a0b000b046e616d65010401000166", "trap:stack-overflow", 52424},
}

// run returns the outcome of a call of wit, and the units spent.
func run(t *testing.T, e *Engine, module []byte, budget uint64, deadline time.Time) (string, uint64) {
	t.Helper()
	m, err := Admit(module, "wit", 256)
	if err != nil {
		t.Fatal(err)
	}
	i, err := e.Instantiate(m, 256, budget, deadline, noHost{})
	if err != nil {
		t.Fatal(err)
	}
	defer i.Close()
	result, err := i.Call("wit")
	spent := budget - i.Fuel()
	var trap Trap
	switch {
	case errors.Is(err, ErrFuel):
		return "fuel", spent
	case errors.Is(err, ErrTimeout):
		return "timeout", spent
	case errors.As(err, &trap):
		return "trap:" + string(trap), spent
	case err != nil:
		t.Fatal(err)
	case result != 0:
		return fmt.Sprintf("guest:%d", result), spent
	}
	return "declined", spent
}

func TestFigures(t *testing.T) {
	e, err := NewEngine()
	if err != nil {
		t.Fatal(err)
	}
	for _, figure := range figures {
		module := unhex(t, figure.module)
		for _, deadline := range []time.Time{{}, time.Now().Add(time.Minute)} {
			if got, spent := run(t, e, module, figure.units, deadline); got != figure.outcome || spent != figure.units {
				t.Errorf("%s: %s with %d units", figure.name, got, spent)
			}
			if got, spent := run(t, e, module, figure.units-1, deadline); got != "fuel" || spent != figure.units-1 {
				t.Errorf("%s with a unit less: %s with %d units", figure.name, got, spent)
			}
		}
	}
}

// A call that does not end is ended when its time is over.
func TestTimeout(t *testing.T) {
	e, err := NewEngine()
	if err != nil {
		t.Fatal(err)
	}
	endless := oneFunction(0x03, 0x40, 0x0c, 0, 0x0b, 0x41, 0, 0x0b)
	start := time.Now()
	got, _ := run(t, e, endless, 1<<62, start.Add(100*time.Millisecond))
	if passed := time.Since(start); got != "timeout" || passed > 3*time.Second {
		t.Errorf("%s after %s", got, passed)
	}
}

// Frames of few units and of many reach the limit of stack units on the engine's own stack.
func TestDepth(t *testing.T) {
	e, err := NewEngine()
	if err != nil {
		t.Fatal(err)
	}
	shallow := oneFunction(opCall, 0, opEnd)
	if got, _ := run(t, e, shallow, 1<<40, time.Time{}); got != "trap:stack-overflow" {
		t.Errorf("the smallest frame: %s", got)
	}
	// a function that keeps many operands on its stack when it calls itself
	for _, operands := range []int{40, 1_000, 20_000} {
		code := append(bytes.Repeat([]byte{opMemorySize, 0}, operands), opCall, 0)
		code = append(append(code, bytes.Repeat([]byte{0x6a}, operands)...), opEnd)
		if got, _ := run(t, e, oneFunction(code...), 1<<40, time.Time{}); got != "trap:stack-overflow" {
			t.Errorf("frames of %d operands: %s", operands, got)
		}
	}
}

// An active segment is empty for memory.init, a passive one is not, and their indices stay.
func TestSegments(t *testing.T) {
	e, err := NewEngine()
	if err != nil {
		t.Fatal(err)
	}
	for segment, want := range map[byte]string{0: "trap:memory-bounds", 1: "guest:7", 2: "trap:memory-bounds"} {
		code := []byte{0, opI32Const, 0, opI32Const, 0, opI32Const, 1, 0xfc, 8, segment, 0, opI32Const, 0, 0x2d, 0, 0, opEnd}
		module := assemble(map[byte][]byte{
			1: {1, 0x60, 0, 1, byte(I32)}, 3: {1, 0}, 5: {1, 0, 1}, 7: {1, 3, 'w', 'i', 't', 0, 0}, 12: {3},
			10: append([]byte{1, byte(len(code))}, code...),
			11: {3, 0, opI32Const, 0, opEnd, 1, 9, 1, 1, 7, 0, opI32Const, 4, opEnd, 1, 8},
		})
		if got, _ := run(t, e, module, 1000, time.Time{}); got != want {
			t.Errorf("memory.init of segment %d: %s", segment, got)
		}
	}
}

// The engine decides nothing: a hundred million units are spent to the last, with and without a look at the clock.
func TestLong(t *testing.T) {
	e, err := NewEngine()
	if err != nil {
		t.Fatal(err)
	}
	endless := oneFunction(opLoop, 0x40, opBr, 0, opEnd, opI32Const, 0, opEnd)
	for budget, deadline := range map[uint64]time.Time{100_000_000: {}, 1_000_000: time.Now().Add(time.Hour)} {
		if got, spent := run(t, e, endless, budget, deadline); got != "fuel" || spent != budget {
			t.Errorf("%s with %d of %d units", got, spent, budget)
		}
	}
}

// oneFunction is a module with a memory of a page, whose wit has these instructions.
func oneFunction(instructions ...byte) []byte {
	code := append([]byte{0}, instructions...)
	content := append(appendU([]byte{1}, uint64(len(code))), code...)
	return assemble(map[byte][]byte{
		1: {1, 0x60, 0, 1, byte(I32)}, 3: {1, 0}, 5: {1, 0, 1}, 7: {1, 3, 'w', 'i', 't', 0, 0}, 10: content,
	})
}
