package flow

import (
	"strconv"
	"strings"
)

// piece is a part of a leaf: plain text, or a path whose text is inserted.
type piece struct {
	plain string
	path  *Path
}

// readLeaf reads a leaf: a var, or pieces.
func readLeaf(text string) (whole *Path, pieces []piece, ok bool) {
	if path, ok := readVar(text); ok {
		return &path, nil, true
	}
	for text != "" {
		at := strings.IndexByte(text, '$')
		if at < 0 {
			return nil, append(pieces, piece{plain: text}), true
		}
		if at > 0 {
			pieces = append(pieces, piece{plain: text[:at]})
		}
		text = text[at+1:]
		switch {
		case strings.HasPrefix(text, "$"):
			pieces, text = append(pieces, piece{plain: "$"}), text[1:]
		case strings.HasPrefix(text, "{"):
			path, rest, ok := readPath(text[1:])
			if !ok || !strings.HasPrefix(rest, "}") {
				return nil, nil, false
			}
			pieces, text = append(pieces, piece{path: &path}), rest[1:]
		default:
			return nil, nil, false
		}
	}
	return nil, pieces, true
}

// Paths returns the paths in the leaves of a template, and whether no leaf is malformed.
func Paths(template Value) (paths []Path, ok bool) {
	ok = true
	var visit func(Value)
	visit = func(value Value) {
		switch value := value.(type) {
		case string:
			whole, pieces, good := readLeaf(value)
			ok = ok && good
			if whole != nil {
				paths = append(paths, *whole)
			}
			for _, piece := range pieces {
				if piece.path != nil {
					paths = append(paths, *piece.path)
				}
			}
		case List:
			for _, item := range value {
				visit(item)
			}
		case Map:
			for _, member := range value {
				visit(member.Value)
			}
		}
	}
	visit(template)
	return paths, ok
}

// Render replaces each path of a template once: flow.tmpl.single-pass. Its leaves are well formed. A value above the
// limits may lack texts, but Fits is false for it too. The error is a Wrong, or one of the environment.
func Render(template Value, env Lookup) (Value, error) {
	r := renderer{env: env}
	return r.render(template)
}

// renderer counts the bytes of the texts that it made, so that they stay in proportion to the limit.
type renderer struct {
	env  Lookup
	made int
}

func (r *renderer) render(template Value) (Value, error) {
	switch template := template.(type) {
	case string:
		return r.leaf(template)
	case List:
		list := make(List, len(template))
		for i, item := range template {
			var err error
			if list[i], err = r.render(item); err != nil {
				return nil, err
			}
		}
		return list, nil
	case Map:
		m := make(Map, len(template))
		for i, member := range template {
			value, err := r.render(member.Value)
			if err != nil {
				return nil, err
			}
			m[i] = Member{member.Key, value}
		}
		return m, nil
	}
	return template, nil
}

func (r *renderer) leaf(leaf string) (Value, error) {
	whole, pieces, ok := readLeaf(leaf)
	if !ok {
		panic("flow: a malformed leaf")
	}
	if whole != nil {
		return whole.value(r.env)
	}
	var out strings.Builder
	for _, piece := range pieces {
		text := piece.plain
		if piece.path != nil {
			value, err := piece.path.value(r.env)
			if err != nil {
				return nil, err
			}
			if text, err = inserted(value); err != nil {
				return nil, err
			}
		}
		if r.made <= ValueBytes {
			out.WriteString(text)
			r.made += len(text)
		}
	}
	return out.String(), nil
}

// inserted returns the text of a value: flow.tmpl.typed.
func inserted(value Value) (string, error) {
	switch value := value.(type) {
	case string:
		return value, nil
	case int64:
		return strconv.FormatInt(value, 10), nil
	}
	return "", WrongType
}
