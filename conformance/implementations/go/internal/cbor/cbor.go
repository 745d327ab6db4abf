// Package cbor writes and strictly reads the deterministic encoding of RFC 8949, section 4.2.1, as far as objects and
// documents use it: unsigned integers, byte strings, texts, arrays, maps with text keys, true and false.
package cbor

import (
	"encoding/binary"
	"errors"
	"unicode/utf8"
)

// AppendHead writes the shortest head of a major type and its argument.
func AppendHead(out []byte, major byte, argument uint64) []byte {
	first := major << 5
	switch {
	case argument < 24:
		return append(out, first|byte(argument))
	case argument < 1<<8:
		return append(out, first|24, byte(argument))
	case argument < 1<<16:
		return binary.BigEndian.AppendUint16(append(out, first|25), uint16(argument))
	case argument < 1<<32:
		return binary.BigEndian.AppendUint32(append(out, first|26), uint32(argument))
	}
	return binary.BigEndian.AppendUint64(append(out, first|27), argument)
}

// AppendText writes a text.
func AppendText(out []byte, text string) []byte {
	return append(AppendHead(out, 3, uint64(len(text))), text...)
}

// AppendBytes writes a byte string.
func AppendBytes(out []byte, data []byte) []byte {
	return append(AppendHead(out, 2, uint64(len(data))), data...)
}

// Member is one member of a map.
type Member struct {
	Key   string
	Value any
}

// Map is a map with text keys in the order of the encoding.
type Map []Member

// Get returns the value of a member, or nil.
func (m Map) Get(key string) any {
	for _, member := range m {
		if member.Key == key {
			return member.Value
		}
	}
	return nil
}

// Append writes a value: uint64, []byte, string, bool, []any or Map, whose members need not be in order.
func Append(out []byte, value any) []byte {
	switch value := value.(type) {
	case uint64:
		return AppendHead(out, 0, value)
	case []byte:
		return AppendBytes(out, value)
	case string:
		return AppendText(out, value)
	case bool:
		if value {
			return append(out, 0xf5)
		}
		return append(out, 0xf4)
	case []any:
		out = AppendHead(out, 4, uint64(len(value)))
		for _, item := range value {
			out = Append(out, item)
		}
		return out
	case Map:
		out = AppendHead(out, 5, uint64(len(value)))
		for _, member := range sorted(value) {
			out = Append(AppendText(out, member.Key), member.Value)
		}
		return out
	}
	panic("cbor: a value of another type")
}

func sorted(m Map) Map {
	ordered := append(Map(nil), m...)
	for i := 1; i < len(ordered); i++ {
		for j := i; j > 0 && less(ordered[j].Key, ordered[j-1].Key); j-- {
			ordered[j], ordered[j-1] = ordered[j-1], ordered[j]
		}
	}
	return ordered
}

func less(a, b string) bool { return len(a) < len(b) || len(a) == len(b) && a < b }

var errForm = errors.New("not one item in the deterministic encoding")

const maxDepth = 8 // no document nests deeper

// Decode reads one item that fills the bytes.
func Decode(data []byte) (any, error) {
	value, rest, err := decode(data, 0)
	if err == nil && len(rest) > 0 {
		err = errForm
	}
	return value, err
}

func decode(data []byte, depth int) (any, []byte, error) {
	if len(data) == 0 || depth > maxDepth {
		return nil, nil, errForm
	}
	switch data[0] {
	case 0xf4:
		return false, data[1:], nil
	case 0xf5:
		return true, data[1:], nil
	}
	major, argument, rest, err := Head(data)
	if err != nil {
		return nil, nil, err
	}
	switch major {
	case 0:
		return argument, rest, nil
	case 2, 3:
		if argument > uint64(len(rest)) {
			return nil, nil, errForm
		}
		content := rest[:argument]
		if major == 2 {
			return append([]byte{}, content...), rest[argument:], nil
		}
		if !utf8.Valid(content) {
			return nil, nil, errForm
		}
		return string(content), rest[argument:], nil
	case 4:
		items := []any{}
		for range argument {
			var item any
			if item, rest, err = decode(rest, depth+1); err != nil {
				return nil, nil, err
			}
			items = append(items, item)
		}
		return items, rest, nil
	case 5:
		return decodeMap(rest, argument, depth)
	}
	return nil, nil, errForm
}

func decodeMap(rest []byte, count uint64, depth int) (any, []byte, error) {
	members := Map{}
	for i := range count {
		var key, value any
		var err error
		if key, rest, err = decode(rest, depth+1); err != nil {
			return nil, nil, err
		}
		text, ok := key.(string)
		if !ok || i > 0 && !less(members[i-1].Key, text) {
			return nil, nil, errForm
		}
		if value, rest, err = decode(rest, depth+1); err != nil {
			return nil, nil, err
		}
		members = append(members, Member{text, value})
	}
	return members, rest, nil
}

// Head reads the shortest head of definite length.
func Head(data []byte) (major byte, argument uint64, rest []byte, err error) {
	major = data[0] >> 5
	info := data[0] & 31
	argument = uint64(info)
	size := 0
	if info >= 28 {
		return 0, 0, nil, errForm
	}
	if info >= 24 {
		size = 1 << (info - 24)
		if len(data) < 1+size {
			return 0, 0, nil, errForm
		}
		argument = 0
		for _, b := range data[1 : 1+size] {
			argument = argument<<8 | uint64(b)
		}
		if len(AppendHead(nil, major, argument)) != 1+size {
			return 0, 0, nil, errForm
		}
	}
	return major, argument, data[1+size:], nil
}
