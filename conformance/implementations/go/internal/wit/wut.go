package wit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"gritstone.example/implementation/internal/grit"
)

const nesting = 64 // objects and lists of a wut within each other

// readWut reads the canonical JSON of a wut, or refuses it. Whatever reads as the same value in another spelling is
// found by writing it again.
func readWut(data []byte) (jsonObject, error) {
	refuse := func(what string) (jsonObject, error) { return nil, grit.Refuse("invalid", "", "no wut: %s", what) }
	if !utf8.Valid(data) {
		return refuse("not UTF-8")
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return refuse("not JSON")
	}
	if _, err := decoder.Token(); err != io.EOF {
		return refuse("more than one value")
	}
	value, ok := plain(value, nesting)
	wut, object := value.(jsonObject)
	if !ok || !object || !bytes.Equal(canonical(nil, wut), data) {
		return refuse("not canonical, or a number out of range, or nested too deep")
	}
	if !isWut(wut) {
		return refuse("another form")
	}
	return wut, nil
}

func isWut(wut jsonObject) bool {
	_, name := wut["name"].(string)
	messages, first := wut["messages"].(jsonObject)
	queries, second := wut["queries"].(jsonObject)
	if len(wut) != 4 || wut["wut"] != int64(1) || !name || !first || !second {
		return false
	}
	for _, message := range messages {
		if !isMember(message, map[string][]string{"content": {"blob", "tree", "any"}}, "content") {
			return false
		}
	}
	for name, query := range queries {
		kinds := map[string][]string{"args": {"blob", "none"}, "returns": {"blob", "tree", "any"}}
		if name == "" || !isMember(query, kinds, "args") {
			return false
		}
	}
	return true
}

// isMember checks a message or query: its kinds, and schema and summary, where a schema needs a blob.
func isMember(value any, kinds map[string][]string, body string) bool {
	member, ok := value.(jsonObject)
	if !ok {
		return false
	}
	for name, allowed := range kinds {
		word, ok := member[name].(string)
		if !ok || !slices.Contains(allowed, word) {
			return false
		}
	}
	known := len(kinds)
	if schema, there := member["schema"]; there {
		known++
		switch schema.(type) {
		case bool, jsonObject:
		default:
			return false
		}
		if member[body] != "blob" {
			return false
		}
	}
	if summary, there := member["summary"]; there {
		known++
		if _, ok := summary.(string); !ok {
			return false
		}
	}
	return len(member) == known
}

// OpenAPI returns the OpenAPI document of a wut: wit.wut.openapi.
func OpenAPI(actor grit.ID, data []byte) ([]byte, error) {
	wut, err := readWut(data)
	if err != nil {
		return nil, err
	}
	paths := jsonObject{}
	for mt, value := range wut["messages"].(jsonObject) {
		path := "/messages"
		if mt != "" {
			path += "/" + escaped(mt)
		}
		operation := described("message:"+mt, value.(jsonObject), "content")
		operation["responses"] = jsonObject{"202": jsonObject{"description": "accepted"}}
		paths[path] = jsonObject{"post": operation}
	}
	for name, value := range wut["queries"].(jsonObject) {
		method := "post"
		if value.(jsonObject)["args"] == "none" {
			method = "get"
		}
		operation := described("query:"+name, value.(jsonObject), "args")
		operation["responses"] = jsonObject{
			"200": jsonObject{"description": "answer"}, "404": jsonObject{"description": "none"},
		}
		paths["/queries/"+escaped(name)] = jsonObject{method: operation}
	}
	return canonical(nil, jsonObject{
		"openapi": "3.1.0", "info": jsonObject{"title": wut["name"], "version": "1"},
		"servers": []any{jsonObject{"url": "/actors/" + actor.String()}}, "paths": paths,
	}), nil
}

// described returns the members of an operation that its message or query defines.
func described(id string, member jsonObject, body string) jsonObject {
	operation := jsonObject{"operationId": id}
	if summary, there := member["summary"]; there {
		operation["summary"] = summary
	}
	if member[body] == "none" {
		return operation
	}
	mediaType, media := "application/vnd.gritstone.object", jsonObject{}
	if schema, there := member["schema"]; there {
		mediaType, media = "application/json", jsonObject{"schema": schema}
	} else if member[body] == "blob" {
		mediaType = "application/octet-stream"
	}
	operation["requestBody"] = jsonObject{"content": jsonObject{mediaType: media}, "required": true}
	return operation
}

// escaped percent-encodes all but the unreserved characters of RFC 3986.
func escaped(text string) string {
	var out strings.Builder
	for i := range len(text) {
		c := text[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0 {
			out.WriteByte(c)
		} else {
			fmt.Fprintf(&out, "%%%02X", c)
		}
	}
	return out.String()
}
