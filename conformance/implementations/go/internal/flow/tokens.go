package flow

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// The limits of expressions.
const (
	expressionBytes   = 4_096
	expressionTokens  = 512
	expressionNesting = 32
	segmentsOfPath    = 8
	segmentBytes      = 63
)

type tokenKind byte

const (
	endToken  tokenKind = iota
	signToken           // a parenthesis, a word or an operator: text
	valueToken
	pathToken
)

type token struct {
	kind  tokenKind
	text  string
	value Value
	path  Path
}

// Path is a namespace and one to eight segments.
type Path struct {
	Namespace string
	Segments  []string
}

var namespaces = []string{"input", "out", "prior", "args", "dep", "tool"}

func letter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
func digit(c byte) bool  { return c >= '0' && c <= '9' }

// readPath reads a path that fills a text as far as it goes, and returns the rest.
func readPath(text string) (path Path, rest string, ok bool) {
	for _, name := range namespaces {
		if strings.HasPrefix(text, name+".") {
			path.Namespace, rest = name, text[len(name):]
		}
	}
	for path.Namespace != "" && len(rest) > 1 && rest[0] == '.' && len(path.Segments) < segmentsOfPath {
		end := 1
		for end < len(rest) && (letter(rest[end]) || rest[end] == '_' || end > 1 && digit(rest[end])) && end <= segmentBytes {
			end++
		}
		if end == 1 {
			break
		}
		path.Segments, rest = append(path.Segments, rest[1:end]), rest[end:]
	}
	return path, rest, len(path.Segments) > 0
}

// readVar reads a text that is a var as a whole.
func readVar(text string) (Path, bool) {
	if text == "" || text[0] != '$' {
		return Path{}, false
	}
	path, rest, ok := readPath(text[1:])
	return path, ok && rest == ""
}

var words = map[string]token{
	"and": {kind: signToken, text: "and"}, "or": {kind: signToken, text: "or"}, "not": {kind: signToken, text: "not"},
	"in": {kind: signToken, text: "in"}, "has": {kind: signToken, text: "has"},
	"True":  {kind: valueToken, value: true},
	"False": {kind: valueToken, value: false},
	"None":  {kind: valueToken, value: nil},
}

// tokenize reads the tokens of an expression: flow.expr.whole-input, flow.expr.limits.
func tokenize(text string) ([]token, error) {
	if len(text) > expressionBytes {
		return nil, ErrExhausted
	}
	var tokens []token
	for {
		text = strings.TrimLeft(text, " \t\r\n")
		if text == "" {
			break
		}
		next, rest, ok := readToken(text)
		if !ok {
			return nil, ErrMalformed
		}
		if next.kind != signToken || letter(text[0]) { // as long as possible, and nothing of its kind behind it
			if rest != "" && (letter(rest[0]) || digit(rest[0]) || strings.IndexByte("_.$'\"", rest[0]) >= 0) {
				return nil, ErrMalformed
			}
		}
		tokens, text = append(tokens, next), rest
	}
	if len(tokens) > expressionTokens {
		return nil, ErrExhausted
	}
	return append(tokens, token{}), nil
}

func readToken(text string) (token, string, bool) {
	switch c := text[0]; {
	case c == '$':
		path, rest, ok := readPath(text[1:])
		return token{kind: pathToken, path: path}, rest, ok
	case c == '\'' || c == '"':
		value, rest, ok := readText(text[1:], c)
		return token{kind: valueToken, value: value}, rest, ok
	case digit(c) || c == '-':
		value, rest, ok := readInt(text)
		return token{kind: valueToken, value: value}, rest, ok
	case letter(c):
		end := 0
		for end < len(text) && letter(text[end]) {
			end++
		}
		word, ok := words[text[:end]]
		return word, text[end:], ok
	}
	for _, sign := range []string{"==", "!=", "<=", ">=", "<", ">", "(", ")"} {
		if rest, ok := strings.CutPrefix(text, sign); ok {
			return token{kind: signToken, text: sign}, rest, true
		}
	}
	return token{}, "", false
}

func readInt(text string) (int64, string, bool) {
	end := 0
	if text[0] == '-' {
		end = 1
	}
	first := end
	for end < len(text) && digit(text[end]) && (end == first || text[first] != '0') {
		end++
	}
	if end == first || text[first] == '0' && first == 1 {
		return 0, "", false
	}
	value, err := strconv.ParseInt(text[:end], 10, 64)
	return value, text[end:], err == nil
}

// readText reads a text up to its closing quote: flow.expr.literals.
func readText(text string, quote byte) (string, string, bool) {
	var out strings.Builder
	for text != "" {
		c := text[0]
		switch {
		case c == quote:
			return out.String(), text[1:], true
		case c == '\\':
			r, rest, ok := readEscape(text[1:])
			if !ok {
				return "", "", false
			}
			out.WriteRune(r)
			text = rest
		case c < 0x20 || c == 0x7f || c == '$':
			return "", "", false
		default:
			r, size := utf8.DecodeRuneInString(text)
			if r == utf8.RuneError && size == 1 {
				return "", "", false
			}
			out.WriteString(text[:size])
			text = text[size:]
		}
	}
	return "", "", false
}

// readEscape reads what is behind a backslash.
func readEscape(text string) (rune, string, bool) {
	if text == "" {
		return 0, "", false
	}
	rest := text[1:]
	switch text[0] {
	case '\\', '\'', '"', '$':
		return rune(text[0]), rest, true
	case 'n':
		return '\n', rest, true
	case 't':
		return '\t', rest, true
	}
	digits, rest, ok := strings.Cut(rest, "}")
	if !ok || text[0] != 'u' || len(digits) < 2 || len(digits) > 7 || digits[0] != '{' {
		return 0, "", false
	}
	value := rune(0)
	for _, c := range []byte(digits[1:]) {
		at := strings.IndexByte("0123456789abcdef", c)
		if at < 0 {
			return 0, "", false
		}
		value = value<<4 | rune(at)
	}
	return value, rest, utf8.ValidRune(value)
}
