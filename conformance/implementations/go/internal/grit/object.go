// Package grit holds the data layer: objects and ids in two formats, a store in memory, references, and bundles.
package grit

import (
	"encoding/hex"
	"errors"
	"fmt"
	"unicode/utf8"
)

// ID identifies an object: the hash of its encoding. The zero ID means that there is none.
type ID [32]byte

// None is the ID of nothing.
var None ID

// String returns the text form, grit.id.text.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// Bytes returns the 32 bytes as a new slice.
func (id ID) Bytes() []byte { return append([]byte(nil), id[:]...) }

// ParseID reads the text form of an id.
func ParseID(text string) (id ID, ok bool) {
	if len(text) != 64 {
		return id, false
	}
	for i := range 64 {
		if c := text[i]; !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f') {
			return id, false
		}
	}
	_, err := hex.Decode(id[:], []byte(text))
	return id, err == nil
}

// Kind is one of the five kinds, numbered as the ABI of the profile wasm numbers them.
type Kind uint8

// The five kinds, grit.object.kinds.
const (
	Blob Kind = iota + 1
	Tree
	Message
	Mailbox
	Step
)

var kindNames = map[Kind]string{Blob: "blob", Tree: "tree", Message: "message", Mailbox: "mailbox", Step: "step"}

func (k Kind) String() string { return kindNames[k] }

// KindNamed returns the kind of a name.
func KindNamed(name string) (Kind, bool) {
	for kind, text := range kindNames {
		if text == name {
			return kind, true
		}
	}
	return 0, false
}

// Header is one header of a blob or message.
type Header struct{ Key, Value string }

// Entry is one entry of a tree, whose key is a name, or of a mailbox, whose key is the 32 bytes of an id.
type Entry struct {
	Key string
	ID  ID
}

// Object is a value of one of the five kinds. Fields of other kinds are empty. Objects are never changed.
type Object struct {
	Kind     Kind
	Headers  []Header // of a blob or message
	Data     []byte   // of a blob
	Entries  []Entry  // of a tree or mailbox
	Previous ID       // of a message or step
	Content  ID       // of a message
	Actor    ID       // of a step
	Inbox    ID       // of a step
	Outbox   ID       // of a step
	Core     ID       // of a step
	Erased   bool     // a tombstone, which counts as a blob
}

// Find returns the target of an entry of a tree or mailbox, or None.
func (o *Object) Find(key string) ID {
	for i := range o.Entries {
		if o.Entries[i].Key == key {
			return o.Entries[i].ID
		}
	}
	return None
}

// Header returns the value of a header, or the empty text.
func (o *Object) Header(key string) string {
	for _, header := range o.Headers {
		if header.Key == key {
			return header.Value
		}
	}
	return ""
}

// Refusal reports that the input is at fault: a class, and a code where the text names one.
type Refusal struct{ Class, Code, Message string }

func (r *Refusal) Error() string {
	if r.Code == "" {
		return r.Class + ": " + r.Message
	}
	return r.Class + " (" + r.Code + "): " + r.Message
}

// Refuse makes a refusal.
func Refuse(class, code, format string, args ...any) *Refusal {
	return &Refusal{class, code, fmt.Sprintf(format, args...)}
}

// IsRefusal reports whether an error is a refusal of a class.
func IsRefusal(err error, class string) bool {
	var refusal *Refusal
	return errors.As(err, &refusal) && refusal.Class == class
}

func malformed(format string, args ...any) error { return Refuse("malformed", "", format, args...) }
func invalid(format string, args ...any) error   { return Refuse("invalid", "", format, args...) }
func exhausted(format string, args ...any) error { return Refuse("exhausted", "", format, args...) }

// asciiText reports whether all bytes are between low and 7E, without a slash where slashes are not allowed.
func asciiText(text string, low byte, slash bool) bool {
	for i := range len(text) {
		if c := text[i]; c < low || c > 0x7e || c == '/' && !slash {
			return false
		}
	}
	return true
}

// unicodeText reports whether a text is UTF-8 without control characters.
func unicodeText(text string, slash bool) bool {
	if !utf8.ValidString(text) {
		return false
	}
	for _, r := range text {
		if r < 0x20 || r >= 0x7f && r <= 0x9f || r == '/' && !slash {
			return false
		}
	}
	return true
}

// ValidKey reports whether a text is a header key, grit.header.grammar.
func ValidKey(text string) bool {
	return len(text) >= 1 && len(text) <= 64 && asciiText(text, 0x21, true)
}

// ValidName reports whether a text is a name of a tree in this format, grit.name.grammar.
func (f *Format) ValidName(text string) bool {
	if len(text) < 1 || len(text) > 255 || text == "." || text == ".." {
		return false
	}
	if f.ascii {
		return asciiText(text, 0x20, false)
	}
	return unicodeText(text, false)
}

// ValidValue reports whether a text is a header value in this format, grit.header.grammar.
func (f *Format) ValidValue(text string) bool {
	if len(text) > 65535 {
		return false
	}
	if f.ascii {
		return asciiText(text, 0x20, true)
	}
	return unicodeText(text, true)
}
