package wit

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
)

// jsonObject has the members of a JSON object by name.
type jsonObject map[string]any

// canonical writes canonical JSON (RFC 8785) of texts, integers, booleans, null, lists and objects.
func canonical(out []byte, value any) []byte {
	switch value := value.(type) {
	case nil:
		return append(out, "null"...)
	case bool:
		return strconv.AppendBool(out, value)
	case int64:
		return strconv.AppendInt(out, value, 10)
	case string:
		return canonicalText(out, value)
	case []any:
		out = append(out, '[')
		for i, item := range value {
			if i > 0 {
				out = append(out, ',')
			}
			out = canonical(out, item)
		}
		return append(out, ']')
	case jsonObject:
		names := make([]string, 0, len(value))
		for name := range value {
			names = append(names, name)
		}
		slices.SortFunc(names, func(a, b string) int {
			return slices.Compare(utf16.Encode([]rune(a)), utf16.Encode([]rune(b)))
		})
		out = append(out, '{')
		for i, name := range names {
			if i > 0 {
				out = append(out, ',')
			}
			out = canonical(append(canonicalText(out, name), ':'), value[name])
		}
		return append(out, '}')
	}
	panic(fmt.Sprintf("canonical JSON of %T", value))
}

func canonicalText(out []byte, text string) []byte {
	out = append(out, '"')
	for i := range len(text) {
		c := text[i]
		if short := strings.IndexByte("\b\t\n\f\r\"\\", c); short >= 0 {
			out = append(out, '\\', "btnfr\"\\"[short])
		} else if c < 0x20 {
			out = fmt.Appendf(out, "\\u%04x", c)
		} else {
			out = append(out, c)
		}
	}
	return append(out, '"')
}

const maxInteger = 1<<53 - 1

// plain makes values of what a decoder with UseNumber gave; ok is false for a number that is no integer in range, and
// for more than so many objects and lists within each other.
func plain(value any, depth int) (any, bool) {
	switch value := value.(type) {
	case json.Number:
		n, err := strconv.ParseInt(value.String(), 10, 64)
		return n, err == nil && n >= -maxInteger && n <= maxInteger
	case []any:
		items := make([]any, len(value))
		for i, item := range value {
			inner, ok := plain(item, depth-1)
			if !ok {
				return nil, false
			}
			items[i] = inner
		}
		return items, depth > 0
	case map[string]any:
		object := jsonObject{}
		for name, member := range value {
			inner, ok := plain(member, depth-1)
			if !ok {
				return nil, false
			}
			object[name] = inner
		}
		return object, depth > 0
	}
	return value, true
}
