package wasm

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/sys"
)

// Host runs the functions that a guest imports. An error ends the call, and Instance.Call returns it unchanged.
type Host interface {
	Call(name string, instance *Instance, args []uint32) (uint64, error)
}

// Engine runs metered forms on wazero's compiler, and those that it would compile for minutes on its interpreter.
type Engine struct {
	runtimes map[mode]wazero.Runtime
	traps    map[error]Trap
	compiled map[key]wazero.CompiledModule
	order    []key // oldest first
}

// mode is how a module is run: with a look at the clock in each loop, and without being compiled.
type mode struct{ timed, interpreted bool }

type key struct {
	module [32]byte
	pages  uint32
	mode
}

const compiledModules = 32 // are kept

// NewEngine makes an engine and learns its traps.
func NewEngine() (*Engine, error) {
	e := &Engine{runtimes: map[mode]wazero.Runtime{}, compiled: map[key]wazero.CompiledModule{}}
	ctx := context.Background()
	for _, m := range []mode{{}, {timed: true}, {interpreted: true}, {true, true}} {
		config := wazero.NewRuntimeConfigCompiler()
		if m.interpreted {
			config = wazero.NewRuntimeConfigInterpreter()
		}
		config = config.WithDebugInfoEnabled(false).WithCloseOnContextDone(m.timed)
		runtime := wazero.NewRuntimeWithConfig(ctx, config)
		if err := defineHost(ctx, runtime); err != nil {
			return nil, err
		}
		e.runtimes[m] = runtime
	}
	traps, err := learnTraps(ctx, e.runtimes[mode{}])
	e.traps = traps
	return e, err
}

func moduleConfig() wazero.ModuleConfig {
	return wazero.NewModuleConfig().WithName("").WithStartFunctions()
}

type instanceKey struct{}

// stop carries an error of a host function through the guest's frames.
type stop struct{ err error }

func (s *stop) Error() string { return s.err.Error() }

// defineHost offers the functions of the module grit. The instance that calls is found in the context.
func defineHost(ctx context.Context, runtime wazero.Runtime) error {
	builder := runtime.NewHostModuleBuilder("grit")
	for name, t := range hostFunctions {
		function := func(ctx context.Context, _ api.Module, stack []uint64) {
			instance := ctx.Value(instanceKey{}).(*Instance)
			args := make([]uint32, len(t.Params))
			for i := range args {
				args[i] = uint32(stack[i])
			}
			result, err := instance.host.Call(name, instance, args)
			if err != nil {
				panic(&stop{err})
			}
			if len(t.Results) > 0 {
				stack[0] = result
			}
		}
		builder.NewFunctionBuilder().
			WithGoModuleFunction(api.GoModuleFunc(function), engineTypes(t.Params), engineTypes(t.Results)).Export(name)
	}
	_, err := builder.Instantiate(ctx)
	return err
}

func engineTypes(types []ValueType) []api.ValueType {
	out := make([]api.ValueType, len(types))
	for i, t := range types {
		out[i] = api.ValueType(t)
	}
	return out
}

// compile returns the compiled engine form of a module, from the few that are kept, or newly compiled.
func (e *Engine) compile(ctx context.Context, m *Module, k key) (wazero.CompiledModule, error) {
	if compiled := e.compiled[k]; compiled != nil {
		return compiled, nil
	}
	compiled, err := e.runtimes[k.mode].CompileModule(ctx, m.engineForm(k.pages))
	if err != nil {
		return nil, fmt.Errorf("the engine does not take a metered form: %w", err)
	}
	if len(e.order) == compiledModules {
		oldest := e.order[0]
		if err := e.compiled[oldest].Close(ctx); err != nil {
			return nil, err
		}
		delete(e.compiled, oldest)
		e.order = e.order[1:]
	}
	e.compiled[k] = compiled
	e.order = append(e.order, k)
	return compiled, nil
}

// Instance is one new instance of a metered form. It is used for one call.
type Instance struct {
	engine  *Engine
	host    Host
	ctx     context.Context
	cancel  context.CancelFunc
	module  api.Module
	memory  api.Memory
	fuel    api.MutableGlobal
	depth   api.MutableGlobal
	globals []api.MutableGlobal
}

// Instantiate makes an instance with a budget. A deadline of zero means that there is no time limit.
func (e *Engine) Instantiate(m *Module, pages uint32, budget uint64, deadline time.Time, host Host) (*Instance, error) {
	i := &Instance{engine: e, host: host}
	i.ctx, i.cancel = context.WithCancel(context.Background())
	if !deadline.IsZero() {
		i.ctx, i.cancel = context.WithDeadline(context.Background(), deadline)
	}
	i.ctx = context.WithValue(i.ctx, instanceKey{}, i)
	k := key{sha256.Sum256(m.data), pages, mode{!deadline.IsZero(), m.costly()}}
	compiled, err := e.compile(context.Background(), m, k)
	if err != nil {
		i.cancel()
		return nil, err
	}
	i.module, err = e.runtimes[k.mode].InstantiateModule(i.ctx, compiled, moduleConfig())
	if err != nil {
		i.cancel()
		return nil, i.outcome(err)
	}
	i.memory = i.module.ExportedMemory("grit:memory")
	global := func(name string) api.MutableGlobal { return i.module.ExportedGlobal(name).(api.MutableGlobal) }
	i.fuel, i.depth = global("grit:fuel"), global("grit:depth")
	indices, _ := m.MutableGlobals()
	for _, index := range indices {
		i.globals = append(i.globals, global(globalName(index)))
	}
	i.fuel.Set(budget)
	return i, nil
}

// Close ends an instance.
func (i *Instance) Close() {
	i.cancel()
	_ = i.module.Close(context.Background()) // it holds no file and no connection
}

// Call runs an export of type [] -> [] or [] -> [i32].
func (i *Instance) Call(name string) (uint32, error) {
	results, err := i.module.ExportedFunction(name).Call(i.ctx)
	if err != nil {
		return 0, i.outcome(err)
	}
	if len(results) == 0 {
		return 0, nil
	}
	return uint32(results[0]), nil
}

// outcome reports what an error of the engine means: an error of the host, the time, fuel, stack units, or a trap.
func (i *Instance) outcome(err error) error {
	var stopped *stop
	var exit *sys.ExitError
	switch {
	case errors.As(err, &stopped):
		return stopped.err
	case errors.As(err, &exit) || errors.Is(err, context.DeadlineExceeded):
		return ErrTimeout
	case i.fuel != nil && int64(i.fuel.Get()) < 0:
		return ErrFuel
	case i.depth != nil && uint32(i.depth.Get()) > FrameLimit:
		return StackOverflow
	}
	if trap, known := i.engine.traps[innermost(err)]; known {
		return trap
	}
	return fmt.Errorf("the engine failed: %w", err)
}

// Fuel returns the units left.
func (i *Instance) Fuel() uint64 { return uint64(max(int64(i.fuel.Get()), 0)) }

// Charge pays units, or spends the remaining ones: wasm.fuel.exact.
func (i *Instance) Charge(units uint64) error {
	left := i.Fuel()
	if units > left {
		i.fuel.Set(1<<64 - 1)
		return ErrFuel
	}
	i.fuel.Set(left - units)
	return nil
}

// Memory returns the bytes of the memory as they are now, to read and write; none without a memory.
func (i *Instance) Memory() []byte {
	if i.memory == nil {
		return nil
	}
	data, _ := i.memory.Read(0, i.memory.Size())
	return data
}

// Grow grows the memory by so many pages.
func (i *Instance) Grow(pages uint32) bool {
	if i.memory == nil || pages == 0 {
		return pages == 0
	}
	_, ok := i.memory.Grow(pages)
	return ok
}

// Globals returns the bits of the mutable globals in the order of their indices.
func (i *Instance) Globals() []uint64 {
	bits := make([]uint64, len(i.globals))
	for k, global := range i.globals {
		bits[k] = global.Get()
		if global.Type() == api.ValueTypeI32 {
			bits[k] &= 1<<32 - 1
		}
	}
	return bits
}

// SetGlobals sets the mutable globals.
func (i *Instance) SetGlobals(bits []uint64) {
	for k, global := range i.globals {
		global.Set(bits[k])
	}
}
