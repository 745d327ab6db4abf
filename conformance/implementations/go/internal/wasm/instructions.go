// Package wasm is the engine half of a host of Wasm actors: it decodes and admits modules, writes their metered form,
// and runs it.
package wasm

import "strings"

// ValueType is the byte of a value type.
type ValueType byte

// The four value types of the language.
const (
	I32 ValueType = 0x7f
	I64 ValueType = 0x7e
	F32 ValueType = 0x7d
	F64 ValueType = 0x7c
)

var letters = map[rune]ValueType{'i': I32, 'l': I64, 'f': F32, 'd': F64}

func typesOf(text string) (types []ValueType) {
	for _, letter := range text {
		types = append(types, letters[letter])
	}
	return types
}

// The opcodes that the code names; after fc the second number is in the lower byte.
const (
	opUnreachable  = 0x00
	opBlock        = 0x02
	opLoop         = 0x03
	opIf           = 0x04
	opElse         = 0x05
	opEnd          = 0x0b
	opBr           = 0x0c
	opBrIf         = 0x0d
	opBrTable      = 0x0e
	opReturn       = 0x0f
	opCall         = 0x10
	opCallIndirect = 0x11
	opDrop         = 0x1a
	opSelect       = 0x1b
	opSelectTyped  = 0x1c
	opLocalGet     = 0x20
	opLocalSet     = 0x21
	opLocalTee     = 0x22
	opGlobalGet    = 0x23
	opGlobalSet    = 0x24
	opMemorySize   = 0x3f
	opMemoryGrow   = 0x40
	opI32Const     = 0x41
	opF64Const     = 0x44
	opMemoryInit   = 0xfc08
	opMemoryCopy   = 0xfc0a
	opMemoryFill   = 0xfc0b
)

// definition is one admitted instruction, as instructions.json lists it.
type definition struct {
	name    string
	imms    string // b blocktype, x unsigned index, L labels, t types, z zero, i l f d constants
	cost    int
	params  []ValueType // where the signature describes the instruction completely
	results []ValueType
	memory  bool      // a load or store
	align   uint32    // its natural alignment, as an exponent
	nan     ValueType // its NaN results are made canonical
}

// instructions is the table of the language, wasm.module.language.
var instructions = map[uint16]*definition{}

func define(code uint16, name, imms, signature string) *definition {
	params, results, _ := strings.Cut(signature, ":")
	d := &definition{name: name, imms: imms, cost: 1, params: typesOf(params), results: typesOf(results)}
	instructions[code] = d
	return d
}

// defineAll defines a run of opcodes with one type before the dot and one signature.
func defineAll(code uint16, prefix, names, signature string) {
	for i, name := range strings.Fields(names) {
		d := define(code+uint16(i), prefix+"."+name, "", signature)
		switch name {
		case "div_s", "div_u", "rem_s", "rem_u", "div", "sqrt":
			d.cost = 8
		}
		if prefix[0] != 'f' {
			continue
		}
		switch name {
		case "add", "sub", "mul", "div", "sqrt", "min", "max", "ceil", "floor", "trunc", "nearest", "demote_f64",
			"promote_f32":
			d.nan = d.results[0]
		}
	}
}

func init() {
	for code, entry := range map[uint16][2]string{
		opUnreachable: {"unreachable", ""}, 0x01: {"nop", ""}, opBlock: {"block", "b"}, opLoop: {"loop", "b"},
		opIf: {"if", "b"}, opElse: {"else", ""}, opEnd: {"end", ""}, opBr: {"br", "x"}, opBrIf: {"br_if", "x"},
		opBrTable: {"br_table", "Lx"}, opReturn: {"return", ""}, opCall: {"call", "x"},
		opCallIndirect: {"call_indirect", "xx"}, opDrop: {"drop", ""}, opSelect: {"select", ""},
		opSelectTyped: {"select", "t"}, opLocalGet: {"local.get", "x"}, opLocalSet: {"local.set", "x"},
		opLocalTee: {"local.tee", "x"}, opGlobalGet: {"global.get", "x"}, opGlobalSet: {"global.set", "x"},
	} {
		define(code, entry[0], entry[1], "")
	}
	for _, code := range []uint16{0x01, opBlock, opLoop, opElse, opEnd} {
		instructions[code].cost = 0
	}
	instructions[opCall].cost, instructions[opCallIndirect].cost = 4, 8
	defineMemory()
	defineNumbers()
}

func defineMemory() {
	loads := []struct {
		name, signature string
		align           uint32
	}{
		{"i32.load", "i:i", 2}, {"i64.load", "i:l", 3}, {"f32.load", "i:f", 2}, {"f64.load", "i:d", 3},
		{"i32.load8_s", "i:i", 0}, {"i32.load8_u", "i:i", 0}, {"i32.load16_s", "i:i", 1}, {"i32.load16_u", "i:i", 1},
		{"i64.load8_s", "i:l", 0}, {"i64.load8_u", "i:l", 0}, {"i64.load16_s", "i:l", 1}, {"i64.load16_u", "i:l", 1},
		{"i64.load32_s", "i:l", 2}, {"i64.load32_u", "i:l", 2}, {"i32.store", "ii:", 2}, {"i64.store", "il:", 3},
		{"f32.store", "if:", 2}, {"f64.store", "id:", 3}, {"i32.store8", "ii:", 0}, {"i32.store16", "ii:", 1},
		{"i64.store8", "il:", 0}, {"i64.store16", "il:", 1}, {"i64.store32", "il:", 2},
	}
	for i, load := range loads {
		d := define(0x28+uint16(i), load.name, "xx", load.signature)
		d.memory, d.align = true, load.align
	}
	define(opMemorySize, "memory.size", "z", ":i")
	define(opMemoryGrow, "memory.grow", "z", "i:i").cost = 64
	define(opMemoryInit, "memory.init", "xz", "iii:").cost = 64
	define(opMemoryCopy, "memory.copy", "zz", "iii:").cost = 64
	define(opMemoryFill, "memory.fill", "z", "iii:").cost = 64
	define(opI32Const, "i32.const", "i", ":i")
	define(0x42, "i64.const", "l", ":l")
	define(0x43, "f32.const", "f", ":f")
	define(opF64Const, "f64.const", "d", ":d")
}

func defineNumbers() {
	const compare, bits = "eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u", "clz ctz popcnt"
	const integers = "add sub mul div_s div_u rem_s rem_u and or xor shl shr_s shr_u rotl rotr"
	const floatCompare, unary = "eq ne lt gt le ge", "abs neg ceil floor trunc nearest sqrt"
	const binary = "add sub mul div min max copysign"
	for _, run := range []struct {
		code                     uint16
		prefix, names, signature string
	}{
		{0x45, "i32", "eqz", "i:i"}, {0x46, "i32", compare, "ii:i"}, {0x50, "i64", "eqz", "l:i"},
		{0x51, "i64", compare, "ll:i"}, {0x5b, "f32", floatCompare, "ff:i"}, {0x61, "f64", floatCompare, "dd:i"},
		{0x67, "i32", bits, "i:i"}, {0x6a, "i32", integers, "ii:i"}, {0x79, "i64", bits, "l:l"},
		{0x7c, "i64", integers, "ll:l"}, {0x8b, "f32", unary, "f:f"}, {0x92, "f32", binary, "ff:f"},
		{0x99, "f64", unary, "d:d"}, {0xa0, "f64", binary, "dd:d"}, {0xa7, "i32", "wrap_i64", "l:i"},
		{0xa8, "i32", "trunc_f32_s trunc_f32_u", "f:i"}, {0xaa, "i32", "trunc_f64_s trunc_f64_u", "d:i"},
		{0xac, "i64", "extend_i32_s extend_i32_u", "i:l"}, {0xae, "i64", "trunc_f32_s trunc_f32_u", "f:l"},
		{0xb0, "i64", "trunc_f64_s trunc_f64_u", "d:l"}, {0xb2, "f32", "convert_i32_s convert_i32_u", "i:f"},
		{0xb4, "f32", "convert_i64_s convert_i64_u", "l:f"}, {0xb6, "f32", "demote_f64", "d:f"},
		{0xb7, "f64", "convert_i32_s convert_i32_u", "i:d"}, {0xb9, "f64", "convert_i64_s convert_i64_u", "l:d"},
		{0xbb, "f64", "promote_f32", "f:d"}, {0xbc, "i32", "reinterpret_f32", "f:i"},
		{0xbd, "i64", "reinterpret_f64", "d:l"}, {0xbe, "f32", "reinterpret_i32", "i:f"},
		{0xbf, "f64", "reinterpret_i64", "l:d"}, {0xc0, "i32", "extend8_s extend16_s", "i:i"},
		{0xc2, "i64", "extend8_s extend16_s extend32_s", "l:l"},
		{0xfc00, "i32", "trunc_sat_f32_s trunc_sat_f32_u", "f:i"},
		{0xfc02, "i32", "trunc_sat_f64_s trunc_sat_f64_u", "d:i"},
		{0xfc04, "i64", "trunc_sat_f32_s trunc_sat_f32_u", "f:l"},
		{0xfc06, "i64", "trunc_sat_f64_s trunc_sat_f64_u", "d:l"},
	} {
		defineAll(run.code, run.prefix, run.names, run.signature)
	}
}
