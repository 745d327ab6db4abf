package wasm

import (
	"context"
	"errors"
	"fmt"

	"github.com/tetratelabs/wazero"
)

// Trap is a trap of the guest, by its code: wasm.outcome.merged.
type Trap string

func (t Trap) Error() string { return "trap: " + string(t) }

// The trap codes, as outcomes.json lists them.
const (
	Unreachable     Trap = "unreachable"
	MemoryBounds    Trap = "memory-bounds"
	TableBounds     Trap = "table-bounds"
	IndirectCall    Trap = "indirect-call"
	DivideByZero    Trap = "divide-by-zero"
	Unrepresentable Trap = "unrepresentable"
	StackOverflow   Trap = "stack-overflow"
)

// ErrFuel reports that a charge exceeded the remaining units, ErrTimeout that the time limit was reached.
var (
	ErrFuel    = errors.New("out of fuel")
	ErrTimeout = errors.New("out of time")
)

// innermost returns the error that an engine wrapped.
func innermost(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}

// learnTraps records which error value means which trap. wazero keeps these values in an internal package, and
// returns the same value each time; so each trap is provoked once, and later errors are recognized by identity, never by
// text: wasm.outcome.no-text.
func learnTraps(ctx context.Context, runtime wazero.Runtime) (map[error]Trap, error) {
	traps := map[error]Trap{}
	for _, probe := range []struct {
		trap Trap
		body []byte
	}{
		{Unreachable, []byte{opUnreachable}},
		{MemoryBounds, []byte{opI32Const, 0, 0x28, 0, 0, opDrop}},
		{TableBounds, []byte{opI32Const, 9, opCallIndirect, 0, 0}},
		{IndirectCall, []byte{opI32Const, 0, opI32Const, 0, opCallIndirect, 1, 0}},
		{DivideByZero, []byte{opI32Const, 1, opI32Const, 0, 0x6d, opDrop}},
		{Unrepresentable, []byte{opI32Const, 0x80, 0x80, 0x80, 0x80, 0x78, opI32Const, 0x7f, 0x6d, opDrop}},
		{Unrepresentable, []byte{0x43, 0, 0, 0xc0, 0x7f, 0xa8, opDrop}},
		{Unrepresentable, []byte{0x43, 0, 0, 0x80, 0x7f, 0xa8, opDrop}},
	} {
		module, err := runtime.InstantiateWithConfig(ctx, probeModule(probe.body), moduleConfig())
		if err != nil {
			return nil, err
		}
		_, err = module.ExportedFunction("f").Call(ctx)
		if err == nil {
			return nil, fmt.Errorf("no trap %s", probe.trap)
		}
		cause := innermost(err)
		if known, there := traps[cause]; there && known != probe.trap {
			return nil, fmt.Errorf("the engine has one error for %s and %s", known, probe.trap)
		}
		traps[cause] = probe.trap
		if err := module.Close(ctx); err != nil {
			return nil, err
		}
	}
	return traps, nil
}

// probeModule exports f of type [] -> [] with a body, a memory of no pages, and a table that holds f.
func probeModule(body []byte) []byte {
	code := append(append([]byte{0}, body...), opEnd)
	return assemble(map[byte][]byte{
		1:  {2, 0x60, 0, 0, 0x60, 1, byte(I32), 0},
		3:  {1, 0},
		4:  {1, 0x70, 0, 1},
		5:  {1, 0, 0},
		7:  {1, 1, 'f', 0, 0},
		9:  {1, 0, opI32Const, 0, opEnd, 1, 0},
		10: append([]byte{1, byte(len(code))}, code...),
	})
}
