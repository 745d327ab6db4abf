// Package wit is the transition function: channels, proposals, admission, updates and queries. Code is run by a Runner.
package wit

import (
	"fmt"
	"regexp"
	"strings"

	"gritstone.example/implementation/internal/grit"
)

// Fail makes the refusal of a failed transition: the class of the failure, and a code behind it if there is one.
func Fail(class, code, format string, args ...any) error {
	refusal := "rejected"
	if class == "timeout" || class == "exhausted" {
		refusal = "exhausted"
	}
	if code != "" {
		class += ":" + code
	}
	return &grit.Refusal{Class: refusal, Code: class, Message: fmt.Sprintf(format, args...)}
}

// Timeout is the failure of a transition that has not ended in its time.
func Timeout() error { return Fail("timeout", "", "the time is over") }

func badProposal(format string, args ...any) error {
	return grit.Refuse("invalid", "proposal", format, args...)
}

func illegal(format string, args ...any) error { return Fail("illegal-step", "", format, args...) }

// load returns an object of an expected kind; another kind is invalid.
func load(reader grit.Reader, id grit.ID, kind grit.Kind) (*grit.Object, error) {
	object, err := reader.Load(id)
	if err == nil && object.Kind != kind {
		err = grit.Refuse("invalid", "", "%s is a %s, not a %s", id, object.Kind, kind)
	}
	return object, err
}

var wasmForm = regexp.MustCompile(`\Awasm:([^:]+)\z`)

// ModulePath returns the path in the data of a code node of the form wasm:<path>.
func ModulePath(format *grit.Format, data []byte) (path string, ok bool) {
	match := wasmForm.FindSubmatch(data)
	if match == nil {
		return "", false
	}
	for _, name := range strings.Split(string(match[1]), "/") {
		if !format.ValidName(name) {
			return "", false
		}
	}
	return string(match[1]), true
}

// Follow returns what a path leads to from an id, or None: a name is absent, or its parent is not a tree.
func Follow(reader grit.Reader, id grit.ID, path string) (grit.ID, error) {
	for _, name := range strings.Split(path, "/") {
		object, err := reader.Load(id)
		if err != nil {
			return grit.None, err
		}
		if object.Kind != grit.Tree {
			return grit.None, nil
		}
		if id = object.Find(name); id == grit.None {
			return grit.None, nil
		}
	}
	return id, nil
}

// NodePath returns the module path of a code node at the root of a tree, if it is a blob of the form wasm:<path>.
func NodePath(reader grit.Reader, format *grit.Format, tree grit.ID, node string) (path string, ok bool, err error) {
	id, err := Follow(reader, tree, node)
	if err != nil || id == grit.None {
		return "", false, err
	}
	object, err := reader.Load(id)
	if err != nil || object.Kind != grit.Blob || object.Erased {
		return "", false, err
	}
	path, ok = ModulePath(format, object.Data)
	return path, ok, nil
}
