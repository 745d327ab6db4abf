package wasm

import (
	"fmt"
	"unicode/utf8"
)

// Defect says why a module is not admitted: the code of the check that failed, and a reason for logs.
type Defect struct{ Code, Reason string }

func (d *Defect) Error() string { return d.Code + ": " + d.Reason }

func defect(code, format string, values ...any) *Defect {
	return &Defect{code, fmt.Sprintf(format, values...)}
}

// reader reads the binary format from start to end. A malformed part ends it by a panic with a *Defect, which the
// function that decodes a module recovers.
type reader struct {
	data []byte
	pos  int
	end  int
}

func (r *reader) fail(format string, values ...any) {
	panic(defect("module", "at %d: %s", r.pos, fmt.Sprintf(format, values...)))
}

func (r *reader) byte() byte {
	if r.pos >= r.end {
		r.fail("the bytes end")
	}
	r.pos++
	return r.data[r.pos-1]
}

func (r *reader) bytes(size uint32) []byte {
	if uint64(size) > uint64(r.end-r.pos) {
		r.fail("the bytes end")
	}
	r.pos += int(size)
	return r.data[r.pos-int(size) : r.pos]
}

// part returns a reader of the next bytes and skips them.
func (r *reader) part(size uint32) *reader {
	r.bytes(size)
	return &reader{r.data, r.pos - int(size), r.pos}
}

// unsigned reads an unsigned LEB128 of so many bits.
func (r *reader) unsigned(bits uint) uint64 {
	var value uint64
	for shift := uint(0); ; shift += 7 {
		b := r.byte()
		if shift+7 > bits && b>>(bits-shift) != 0 {
			r.fail("a number of more than %d bits", bits)
		}
		value |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return value
		}
	}
}

func (r *reader) u32() uint32 { return uint32(r.unsigned(32)) }

// signed reads a signed LEB128 of so many bits.
func (r *reader) signed(bits uint) int64 {
	var value int64
	for shift := uint(0); ; shift += 7 {
		b := r.byte()
		if left := bits - shift; left < 7 {
			if top := b & 0x7f >> (left - 1); b >= 0x80 || top != 0 && top != 0x7f>>(left-1) {
				r.fail("a number of more than %d bits", bits)
			}
		}
		value |= int64(b&0x7f) << shift
		if b < 0x80 {
			if shift+7 < 64 && b&0x40 != 0 {
				value |= -1 << (shift + 7)
			}
			return value
		}
	}
}

func (r *reader) name() string {
	name := r.bytes(r.u32())
	if !utf8.Valid(name) {
		r.fail("a name that is not UTF-8")
	}
	return string(name)
}

func (r *reader) valueType() ValueType {
	switch t := ValueType(r.byte()); t {
	case I32, I64, F32, F64:
		return t
	default:
		r.fail("no value type %02x", byte(t))
		return 0
	}
}

func (r *reader) valueTypes() (types []ValueType) {
	for range r.u32() {
		types = append(types, r.valueType())
	}
	return types
}

// blockType is the type of a construct: an index of a type, or one result or none.
type blockType struct {
	index  uint32
	inline bool
	result ValueType // 0: none
}

func (r *reader) blockType() blockType {
	if r.pos < r.end && r.data[r.pos]&0xc0 == 0x40 {
		if r.data[r.pos] == 0x40 {
			r.pos++
			return blockType{inline: true}
		}
		return blockType{inline: true, result: r.valueType()}
	}
	index := r.signed(33)
	if index < 0 {
		r.fail("no block type %d", index)
	}
	return blockType{index: uint32(index)}
}

// instruction is one instruction with its immediates. labels and types are valid until the next one is read.
type instruction struct {
	op         uint16
	def        *definition
	start, end int
	block      blockType
	index      uint32 // the first index; of a load or store the alignment; of br_table the default
	second     uint32 // the last index: of call_indirect the table
	value      int64  // of i32.const and i64.const
	labels     []uint32
	types      []ValueType
}

// next reads an instruction of the language.
func (r *reader) next(in *instruction) {
	in.start = r.pos
	in.op = uint16(r.byte())
	if in.op == 0xfc {
		second := r.u32()
		if second > 0xff {
			r.fail("no instruction fc %d", second)
		}
		in.op = 0xfc00 | uint16(second)
	}
	in.def = instructions[in.op]
	if in.def == nil {
		r.fail("no instruction %02x", in.op)
	}
	first := true
	for _, imm := range in.def.imms {
		switch imm {
		case 'b':
			in.block = r.blockType()
		case 'x':
			index := r.u32()
			if first {
				in.index = index
			}
			in.second, first = index, false
		case 'L':
			in.labels = in.labels[:0]
			for range r.u32() {
				in.labels = append(in.labels, r.u32())
			}
		case 't':
			in.types = r.valueTypes()
		case 'z':
			if r.byte() != 0 {
				r.fail("a byte that has to be 00")
			}
		case 'i':
			in.value = r.signed(32)
		case 'l':
			in.value = r.signed(64)
		case 'f':
			r.bytes(4)
		case 'd':
			r.bytes(8)
		}
	}
	in.end = r.pos
}

// expression reads instructions up to the end that closes them, and passes each on. It returns the largest number of
// constructs that are open at one place.
func (r *reader) expression(each func(*instruction)) int {
	var in instruction
	open, most := []uint16{opBlock}, 0
	for len(open) > 0 {
		r.next(&in)
		switch in.op {
		case opBlock, opLoop, opIf:
			open = append(open, in.op)
			most = max(most, len(open)-1)
		case opElse:
			if open[len(open)-1] != opIf {
				r.fail("an else without its if")
			}
			open[len(open)-1] = opElse
		case opEnd:
			open = open[:len(open)-1]
		}
		each(&in)
	}
	return most
}
