package harness

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"gritstone.example/implementation/internal/grit"
)

// maxUint is the largest uint of the harness.
const maxUint = 1<<53 - 1

// fault reports that arguments violate the schema; the answer is error.
type fault struct{ message string }

func (f *fault) Error() string { return f.message }

func faultf(format string, values ...any) error { return &fault{fmt.Sprintf(format, values...)} }

// arguments is a closed JSON object: each member is taken once, and none may remain: harness.reply.fault-is-error.
// The first fault is kept, so that an operation asks for it once, after it took all members.
type arguments struct {
	members map[string]json.RawMessage
	first   error
}

func readArguments(raw json.RawMessage) *arguments {
	a := &arguments{}
	if len(raw) == 0 || raw[0] != '{' || json.Unmarshal(raw, &a.members) != nil {
		a.fail("the arguments are no object")
	}
	return a
}

func (a *arguments) fail(format string, values ...any) {
	if a.first == nil {
		a.first = faultf(format, values...)
	}
}

// done returns the first fault, or the fault that a member remains.
func (a *arguments) done() error {
	for name := range a.members {
		a.fail("unknown member %q", name)
	}
	return a.first
}

func (a *arguments) has(name string) bool {
	_, ok := a.members[name]
	return ok
}

func (a *arguments) take(name string) json.RawMessage {
	raw, ok := a.members[name]
	if !ok {
		a.fail("no member %q", name)
		return json.RawMessage("null")
	}
	delete(a.members, name)
	return bytes.TrimSpace(raw)
}

func textOf(raw json.RawMessage) (text string, ok bool) {
	if len(raw) == 0 || raw[0] != '"' || json.Unmarshal(raw, &text) != nil {
		return "", false
	}
	return text, true
}

func (a *arguments) text(name string) string {
	text, ok := textOf(a.take(name))
	if !ok {
		a.fail("%s is no text", name)
	}
	return text
}

var (
	handlePattern = regexp.MustCompile(`\A[a-z][a-z0-9-]{0,31}\z`)
	formatPattern = regexp.MustCompile(`\A[a-z][a-z0-9-]{0,31}\z`)
	specPattern   = regexp.MustCompile(`\A(?:0|[1-9][0-9]*)\.(?:0|[1-9][0-9]*)\z`)
)

const longestSpec = 16 // characters of a version of the spec

func (a *arguments) matching(name string, pattern *regexp.Regexp) string {
	text := a.text(name)
	if !pattern.MatchString(text) {
		a.fail("%s is %q", name, text)
	}
	return text
}

func (a *arguments) handle() string { return a.matching("store", handlePattern) }

func (a *arguments) format(name string) string { return a.matching(name, formatPattern) }

func (a *arguments) number(name string, low, high uint64) uint64 {
	value, err := strconv.ParseUint(string(a.take(name)), 10, 64)
	if err != nil || value < low || value > high {
		a.fail("%s is no integer from %d to %d", name, low, high)
	}
	return value
}

func (a *arguments) boolean(name string) bool {
	raw := string(a.take(name))
	if raw != "true" && raw != "false" {
		a.fail("%s is no boolean", name)
	}
	return raw == "true"
}

func idOf(raw json.RawMessage) (grit.ID, bool) {
	text, ok := textOf(raw)
	if !ok {
		return grit.None, false
	}
	return grit.ParseID(text)
}

func (a *arguments) id(name string) grit.ID {
	id, ok := idOf(a.take(name))
	if !ok {
		a.fail("%s is no id", name)
	}
	return id
}

// idOrNone also reports whether the member is null; 64 zeros are an id.
func (a *arguments) idOrNone(name string) (grit.ID, bool) {
	raw := a.take(name)
	if string(raw) == "null" {
		return grit.None, true
	}
	id, ok := idOf(raw)
	if !ok {
		a.fail("%s is no id", name)
	}
	return id, false
}

var encoding = base64.RawURLEncoding.Strict()

func bytesOf(raw json.RawMessage) ([]byte, bool) {
	text, ok := textOf(raw)
	if !ok || strings.ContainsAny(text, "\r\n") {
		return nil, false
	}
	data, err := encoding.DecodeString(text)
	return data, err == nil
}

// bytes reads the one spelling of bytes, harness.bytes.canonical.
func (a *arguments) bytes(name string) []byte {
	data, ok := bytesOf(a.take(name))
	if !ok {
		a.fail("%s is not in canonical base64url", name)
	}
	return data
}

func (a *arguments) list(name string, most int) []json.RawMessage {
	var items []json.RawMessage
	raw := a.take(name)
	if len(raw) == 0 || raw[0] != '[' || json.Unmarshal(raw, &items) != nil || len(items) > most {
		a.fail("%s is no list, or too long", name)
	}
	return items
}

const anyLength = 1 << 62

func (a *arguments) ids(name string, most int) []grit.ID {
	ids := []grit.ID{}
	for _, raw := range a.list(name, most) {
		id, ok := idOf(raw)
		if !ok {
			a.fail("%s holds what is no id", name)
		}
		ids = append(ids, id)
	}
	return ids
}

func pairOf(raw json.RawMessage) (pair []json.RawMessage, ok bool) {
	ok = len(raw) > 0 && raw[0] == '[' && json.Unmarshal(raw, &pair) == nil && len(pair) == 2
	return pair, ok
}

// mail reads a list of senders and messages.
func (a *arguments) mail(name string) [][2]grit.ID {
	mail := [][2]grit.ID{}
	for _, raw := range a.list(name, 4096) {
		pair, ok := pairOf(raw)
		if !ok {
			a.fail("%s holds what is no pair", name)
			return nil
		}
		sender, first := idOf(pair[0])
		message, second := idOf(pair[1])
		if !first || !second {
			a.fail("%s holds what is no id", name)
		}
		mail = append(mail, [2]grit.ID{sender, message})
	}
	return mail
}

// object reads an object of grit. An all-zero previous, inbox or outbox is no fault but has no encoding.
func (a *arguments) object(name string) (*grit.Object, error) {
	b := readArguments(a.take(name))
	object, encodable := &grit.Object{}, error(nil)
	kind, ok := grit.KindNamed(b.text("kind"))
	if !ok {
		b.fail("no such kind")
	}
	object.Kind = kind
	link := func(name string) grit.ID {
		id, none := b.idOrNone(name)
		if id == grit.None && !none {
			encodable = grit.Refuse("invalid", "", "%s is the zero id", name)
		}
		return id
	}
	switch kind {
	case grit.Blob:
		object.Headers, object.Data = b.headers(), b.bytes("data")
	case grit.Tree, grit.Mailbox:
		object.Entries = b.entries(kind)
	case grit.Message:
		object.Previous, object.Headers, object.Content = link("previous"), b.headers(), b.id("content")
	case grit.Step:
		object.Previous, object.Actor = link("previous"), b.id("actor")
		object.Inbox, object.Outbox, object.Core = link("inbox"), link("outbox"), b.id("core")
	}
	if err := b.done(); err != nil {
		a.fail("%s: %s", name, err)
	}
	return object, encodable
}

func (a *arguments) headers() (headers []grit.Header) {
	for _, raw := range a.list("headers", anyLength) {
		pair, ok := pairOf(raw)
		if !ok {
			a.fail("a header is no pair")
			return nil
		}
		key, first := textOf(pair[0])
		value, second := textOf(pair[1])
		if !first || !second {
			a.fail("a header is not of texts")
		}
		headers = append(headers, grit.Header{Key: key, Value: value})
	}
	return headers
}

func (a *arguments) entries(kind grit.Kind) (entries []grit.Entry) {
	for _, raw := range a.list("entries", anyLength) {
		pair, ok := pairOf(raw)
		if !ok {
			a.fail("an entry is no pair")
			return nil
		}
		key, first := textOf(pair[0])
		id, second := idOf(pair[1])
		if kind == grit.Mailbox && first {
			var actor grit.ID
			actor, first = idOf(pair[0])
			key = string(actor[:])
		}
		if !first || !second {
			a.fail("an entry of another form")
		}
		entries = append(entries, grit.Entry{Key: key, ID: id})
	}
	return entries
}

// objectJSON writes an object of grit, entries in the order of the encoding.
func objectJSON(o *grit.Object) map[string]any {
	optional := func(id grit.ID) any {
		if id == grit.None {
			return nil
		}
		return id.String()
	}
	headers := [][2]string{}
	for _, header := range o.Headers {
		headers = append(headers, [2]string{header.Key, header.Value})
	}
	entries := [][2]string{}
	for _, entry := range o.Entries {
		key := entry.Key
		if o.Kind == grit.Mailbox {
			key = grit.ID([]byte(key)).String()
		}
		entries = append(entries, [2]string{key, entry.ID.String()})
	}
	out := map[string]any{"kind": o.Kind.String()}
	switch o.Kind {
	case grit.Blob:
		out["headers"], out["data"] = headers, encoding.EncodeToString(o.Data)
	case grit.Tree, grit.Mailbox:
		out["entries"] = entries
	case grit.Message:
		out["previous"], out["headers"], out["content"] = optional(o.Previous), headers, o.Content.String()
	case grit.Step:
		out["previous"], out["actor"], out["core"] = optional(o.Previous), o.Actor.String(), o.Core.String()
		out["inbox"], out["outbox"] = optional(o.Inbox), optional(o.Outbox)
	}
	return out
}
