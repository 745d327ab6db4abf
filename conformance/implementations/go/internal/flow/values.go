// Package flow is the pure part of the profile flow: values, expressions, templates, the forms of documents, the check
// of a program, and metrics.
package flow

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"gritstone.example/implementation/internal/cbor"
)

// Value is nil (null), bool, int64, string (a text), Ref, List or Map. Values are never changed.
type Value any

// Ref is the name of a sealed blob.
type Ref string

// List is a list of values.
type List []Value

// Map has its members in key order.
type Map []Member

// Member is one member of a map.
type Member struct {
	Key   string
	Value Value
}

// The limits of values.
const (
	ValueBytes   = 65_536
	ProgramBytes = 131_072
	nesting      = 16
	nameBytes    = 63
)

// The two ways in which bytes are not a value within the limits.
var (
	ErrMalformed = errors.New("not the encoding of a value")
	ErrExhausted = errors.New("a limit of values is exceeded")
)

// CompareKeys orders keys by their encodings: a shorter one first.
func CompareKeys(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}

// NewMap returns a map of distinct members in any order.
func NewMap(members ...Member) Map {
	m := Map(members)
	slices.SortFunc(m, func(a, b Member) int { return CompareKeys(a.Key, b.Key) })
	return m
}

// Get returns the value of a key.
func (m Map) Get(key string) (Value, bool) {
	at, found := slices.BinarySearchFunc(m, key, func(a Member, b string) int { return CompareKeys(a.Key, b) })
	if !found {
		return nil, false
	}
	return m[at].Value, true
}

// IsName reports whether a text is a name: flow.value.canonical.
func IsName(text string) bool {
	if len(text) < 1 || len(text) > nameBytes || text[0] < 'a' || text[0] > 'z' {
		return false
	}
	for i := range len(text) {
		if c := text[i]; !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_') {
			return false
		}
	}
	return true
}

// Append writes the encoding of a value.
func Append(out []byte, value Value) []byte {
	switch value := value.(type) {
	case nil:
		return append(out, 0xf6)
	case bool:
		if value {
			return append(out, 0xf5)
		}
		return append(out, 0xf4)
	case int64:
		if value < 0 {
			return cbor.AppendHead(out, 1, uint64(-1-value))
		}
		return cbor.AppendHead(out, 0, uint64(value))
	case string:
		return cbor.AppendText(out, value)
	case Ref:
		return cbor.AppendBytes(out, []byte(value))
	case List:
		out = cbor.AppendHead(out, 4, uint64(len(value)))
		for _, item := range value {
			out = Append(out, item)
		}
		return out
	case Map:
		out = cbor.AppendHead(out, 5, uint64(len(value)))
		for _, member := range value {
			out = Append(cbor.AppendText(out, member.Key), member.Value)
		}
		return out
	}
	panic("flow: a value of another type")
}

// Encode returns the encoding of a value.
func Encode(value Value) []byte { return Append(nil, value) }

// Equal reports whether two values have the same encoding: flow.expr.equality.
func Equal(a, b Value) bool {
	switch a := a.(type) {
	case List:
		b, ok := b.(List)
		return ok && slices.EqualFunc(a, b, Equal)
	case Map:
		b, ok := b.(Map)
		return ok && slices.EqualFunc(a, b, func(x, y Member) bool { return x.Key == y.Key && Equal(x.Value, y.Value) })
	}
	switch b.(type) {
	case List, Map:
		return false
	}
	return a == b
}

// Digest returns the SHA-256 of an encoding as a text.
func Digest(encoding []byte) string {
	sum := sha256.Sum256(encoding)
	return hex.EncodeToString(sum[:])
}

// Fits reports whether the encoding of a value is within the limits of a value. Its work is bounded by them.
func Fits(value Value) bool {
	left := ValueBytes
	return fits(value, nesting, &left)
}

func headBytes(argument uint64) int {
	switch {
	case argument < 24:
		return 1
	case argument < 1<<8:
		return 2
	case argument < 1<<16:
		return 3
	case argument < 1<<32:
		return 5
	}
	return 9
}

func fits(value Value, depth int, left *int) bool {
	switch value := value.(type) {
	case int64:
		*left -= headBytes(uint64(value ^ value>>63))
	case string:
		*left -= headBytes(uint64(len(value))) + len(value)
	case Ref:
		*left -= headBytes(uint64(len(value))) + len(value)
	case List:
		*left -= headBytes(uint64(len(value)))
		for _, item := range value {
			if *left < 0 || !fits(item, depth-1, left) {
				return false
			}
		}
		return depth > 0 && *left >= 0
	case Map:
		*left -= headBytes(uint64(len(value)))
		for _, member := range value {
			*left -= headBytes(uint64(len(member.Key))) + len(member.Key)
			if *left < 0 || !fits(member.Value, depth-1, left) {
				return false
			}
		}
		return depth > 0 && *left >= 0
	default:
		*left--
	}
	return *left >= 0
}

// Decode reads one value that fills the bytes, at most so many: flow.value.canonical, flow.value.limits.
func Decode(data []byte, most int) (Value, error) {
	if len(data) > most {
		return nil, ErrExhausted
	}
	value, rest, err := decode(data, nesting)
	if err == nil && len(rest) > 0 {
		err = ErrMalformed
	}
	return value, err
}

func decode(data []byte, depth int) (Value, []byte, error) {
	if len(data) == 0 {
		return nil, nil, ErrMalformed
	}
	switch data[0] {
	case 0xf4:
		return false, data[1:], nil
	case 0xf5:
		return true, data[1:], nil
	case 0xf6:
		return nil, data[1:], nil
	}
	major, argument, rest, err := cbor.Head(data)
	if err != nil {
		return nil, nil, ErrMalformed
	}
	switch major {
	case 0, 1:
		if argument > math.MaxInt64 {
			return nil, nil, ErrMalformed
		}
		if major == 1 {
			return -1 - int64(argument), rest, nil
		}
		return int64(argument), rest, nil
	case 2, 3:
		return decodeString(major, argument, rest)
	case 4:
		return decodeList(argument, rest, depth)
	case 5:
		return decodeMap(argument, rest, depth)
	}
	return nil, nil, ErrMalformed
}

func decodeString(major byte, size uint64, rest []byte) (Value, []byte, error) {
	if size > uint64(len(rest)) {
		return nil, nil, ErrMalformed
	}
	text := string(rest[:size])
	if major == 3 && utf8.ValidString(text) {
		return text, rest[size:], nil
	}
	if major == 2 && IsName(text) {
		return Ref(text), rest[size:], nil
	}
	return nil, nil, ErrMalformed
}

func decodeList(count uint64, rest []byte, depth int) (Value, []byte, error) {
	if depth == 0 {
		return nil, nil, ErrExhausted
	}
	if count > uint64(len(rest)) {
		return nil, nil, ErrMalformed
	}
	list := List{}
	for range count {
		item, after, err := decode(rest, depth-1)
		if err != nil {
			return nil, nil, err
		}
		list, rest = append(list, item), after
	}
	return list, rest, nil
}

func decodeMap(count uint64, rest []byte, depth int) (Value, []byte, error) {
	if depth == 0 {
		return nil, nil, ErrExhausted
	}
	m := Map{}
	for range count {
		key, after, err := decode(rest, 0)
		if err != nil {
			return nil, nil, ErrMalformed
		}
		text, ok := key.(string)
		if !ok || len(m) > 0 && CompareKeys(m[len(m)-1].Key, text) >= 0 {
			return nil, nil, ErrMalformed
		}
		value, after, err := decode(after, depth-1)
		if err != nil {
			return nil, nil, err
		}
		m, rest = append(m, Member{text, value}), after
	}
	return m, rest, nil
}

// Refs adds the refs that occur in a value to a set.
func Refs(value Value, into map[string]bool) {
	switch value := value.(type) {
	case Ref:
		into[string(value)] = true
	case List:
		for _, item := range value {
			Refs(item, into)
		}
	case Map:
		for _, member := range value {
			Refs(member.Value, into)
		}
	}
}
